"""Backend on a server, over its API."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import schema
from engine_site.cli.kinds import Kind
from jobs.errors import InvalidDocument, NotFound
from jobs.states import Verb
from schema.client import Client


class Remote:
    def __init__(self, url: str, token: str) -> None:
        self.client = Client(url, token)

    def where(self) -> str:
        return self.client.url

    def submit(self, texts: Sequence[bytes], base: Path) -> list[Any]:
        if len(texts) == 1 and texts[0].lstrip()[:1] != b"[":
            return [self.client.submit(texts[0], base=base)]  # as it stands: faults keep their lines
        documents = [document for text in texts for document in _documents(text)]
        return list(self.client.submit_all(documents, base=base))

    def check(self, text: bytes, base: Path) -> dict[str, Any]:
        return self.client.check(text, base=base)

    def job(self, job_id: str) -> Any:
        return self.client.job(job_id)

    def jobs(self, filters: Mapping[str, str], limit: int) -> list[Any]:
        return list(self.client.jobs(limit=limit, **filters))

    def act(self, job_id: str, verb: Verb, order: Mapping[str, Any]) -> Any:
        return self.client.act(job_id, verb, **order)

    def wait(self, job_id: str, timeout: float | None) -> Any:
        return self.client.wait(job_id, timeout)

    def log(self, job_id: str, attempt: int) -> Iterator[bytes]:
        yield self.client.log(job_id, attempt=attempt)

    def follow(self, job_id: str) -> Iterator[tuple[str, Any]]:
        for message in self.client.follow(job_id):
            yield message.event, message.data

    def runs(self, filters: Mapping[str, str], limit: int) -> list[Any]:
        return list(self.client.runs(limit=limit, **filters))

    def errors(self, filters: Mapping[str, str], limit: int) -> list[Any]:
        return list(self.client.errors(limit=limit, **filters))

    def tools(self) -> list[dict[str, Any]]:
        return self.client.tools()

    def run(self, run_id: str) -> Any:
        return self.client.run(run_id)

    def events(self, filters: Mapping[str, str], limit: int) -> list[Any]:
        return list(self.client.events(limit=limit, **filters))

    def follow_events(self) -> Iterator[Any]:
        for message in self.client.follow_events():
            yield message.data

    def templates(self, limit: int) -> list[Any]:
        return list(self.client.templates(limit=limit))

    def template(self, slug: str) -> Any:
        return self.client.template(slug)

    def queues(self) -> list[dict[str, Any]]:
        return self.client.queues()

    def workers(self) -> list[dict[str, Any]]:
        return self.client.workers()

    def control(self, kind: Kind, name: str, verb: str, order: Mapping[str, Any]) -> Any:
        key = self._key(kind, name)
        if verb == "forget":
            self.client.forget_worker(int(key))
            return {"name": name}
        return self.client.control(f"{kind}s", key, verb, **order)

    def _key(self, kind: Kind, name: str) -> str:
        """What the API's address names it by: workers and workstreams have numbers."""
        if kind is Kind.WORKER:
            found = [row["id"] for row in self.client.workers() if row["name"] == name]
        elif kind is Kind.WORKSTREAM:
            found = [row["id"] for row in self.client.workstreams(limit=1, workstream_id=name)]
        else:
            return name
        if not found:
            raise NotFound(f"{kind.capitalize()} {name} not found.")
        return str(found[0])


def _documents(text: bytes) -> list[Any]:
    document, problems = schema.parse(text)
    if problems:
        raise InvalidDocument(f"The job document cannot be read: {problems[0].message}", problems)
    return document if isinstance(document, list) else [document]
