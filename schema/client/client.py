"""HTTP client: one method per operation of the API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from .transport import Transport
from .types import Bulk, ErrorGroup, Event, Job, Message, Run

Document = Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | bytes | Path
SETTLED = ("completed", "failed", "timeout", "cancelled", "rejected", "blocked", "review", "quarantined")
MAX_WAIT_S = 30.0


class Client:
    """Client of one server. Raises EngineError for a refusal, Unavailable if the server does not respond."""

    def __init__(
        self, url: str = "", token: str = "", *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._transport = Transport(url, token, timeout=timeout, transport=transport)

    @property
    def url(self) -> str:
        return self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    # --- jobs --------------------------------------------------------------------------------------------------------
    def submit(
        self, document: Document, *, idempotency_key: str = "", wait: float = 0, base: str | Path | None = None
    ) -> Job:
        """Put one job into the queue; a path or text is sent unchanged, so that problems keep their line numbers.

        A relative repo_root starts from `base`; without it, from the current directory.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        query = {"base": str(base or Path.cwd())}
        return cast(
            Job, self._transport.ask("POST", "jobs", content=_body(document), headers=headers, wait=wait, query=query)
        )

    def submit_all(
        self, documents: Sequence[Mapping[str, Any]], *, idempotency_key: str = "", base: str | Path | None = None
    ) -> list[Job]:
        """Submit all of the jobs or none; they may depend on each other."""
        return cast(list[Job], self.submit(list(documents), idempotency_key=idempotency_key, base=base))

    def check(self, document: Document, *, base: str | Path | None = None) -> dict[str, Any]:
        """Validate: `ok`, `problems` and `warnings`. Nothing is stored."""
        query = {"base": str(base or Path.cwd())}
        return cast(dict[str, Any], self._transport.ask("POST", "jobs/check", content=_body(document), query=query))

    def job(self, job_id: str, *, wait: float = 0) -> Job:
        return cast(Job, self._transport.ask("GET", f"jobs/{job_id}", wait=wait))

    def jobs(self, *, limit: int | None = None, **filters: str) -> Iterator[Job]:
        """All matching jobs, newest first, fetched page by page; at most `limit`."""
        return cast(Iterator[Job], self._transport.pages("jobs", limit, filters))

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """The job once it has ended or needs a person, or after `timeout` seconds as it is then."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = MAX_WAIT_S if until is None else min(MAX_WAIT_S, max(0.0, until - time.monotonic()))
            job = self.job(job_id, wait=left)
            if job["status"] in SETTLED or (until is not None and time.monotonic() >= until):
                return job

    def cancel(self, job_id: str, *, grace_seconds: float | None = None) -> Job:
        return self.act(job_id, "cancel", **({} if grace_seconds is None else {"grace_seconds": grace_seconds}))

    def retry(self, job_id: str, *, command: Mapping[str, Any] | None = None) -> Job:
        return self.act(job_id, "retry", **({"command": command} if command else {}))

    def escalate(self, job_id: str, tool: str) -> Job:
        return self.act(job_id, "escalate", tool=tool)

    def hold(self, job_id: str) -> Job:
        return self.act(job_id, "hold")

    def release(self, job_id: str) -> Job:
        return self.act(job_id, "release")

    def close_job(self, job_id: str) -> Job:
        """Close a quarantined job as failed."""
        return self.act(job_id, "close")

    def review(self, job_id: str, verdict: str, message: str = "") -> Job:
        return self.act(job_id, "review", verdict=verdict, message=message)

    def act(self, job_id: str, verb: str, **body: Any) -> Job:
        return cast(Job, self._transport.ask("POST", f"jobs/{job_id}/{verb}", json=body or None))

    def bulk(
        self,
        verb: str,
        *,
        job_ids: Sequence[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        tool: str = "",
    ) -> Bulk:
        """Apply one action to many jobs; one result per job."""
        body: dict[str, Any] = {"verb": verb, "dry_run": dry_run, "tool": tool}
        body |= {"job_ids": list(job_ids)} if job_ids is not None else {"filter": dict(filter or {})}
        return cast(Bulk, self._transport.ask("POST", "jobs/bulk", json=body))

    # --- logs and events ---------------------------------------------------------------------------------------------
    def log(self, job_id: str, *, attempt: int = 0) -> bytes:
        """The whole log of an attempt; 0 is the latest."""
        response = self._transport.send("GET", f"jobs/{job_id}/log", params={"attempt": attempt})
        return response.content

    def log_lines(self, job_id: str, *, first: int | None = None, count: int = 200, attempt: int = 0) -> dict[str, Any]:
        start = {} if first is None else {"first": first}
        query = {"count": count, "attempt": attempt, **start}
        return cast(dict[str, Any], self._transport.ask("GET", f"jobs/{job_id}/log/lines", query=query))

    def follow(self, job_id: str, *, attempt: int = 0, line: int = 0) -> Iterator[Message]:
        """Messages of the live log, over all attempts, until the job ends; reconnects after an interruption."""
        for message in self._transport.stream(f"jobs/{job_id}/log/stream", {"attempt": attempt, "line": line}):
            yield message
            if message.event == "end":
                return

    def follow_events(self, after: int | None = None) -> Iterator[Message]:
        """Events as they occur; does not end by itself."""
        return self._transport.stream("events/stream", {} if after is None else {"after": after})

    # --- the rest ----------------------------------------------------------------------------------------------------
    def runs(self, *, limit: int | None = None, **filters: str) -> Iterator[Run]:
        return cast(Iterator[Run], self._transport.pages("runs", limit, filters))

    def run(self, run_id: str) -> Run:
        return cast(Run, self._transport.ask("GET", f"runs/{run_id}"))

    def errors(self, *, limit: int | None = None, **filters: str) -> Iterator[ErrorGroup]:
        return cast(Iterator[ErrorGroup], self._transport.pages("errors", limit, filters))

    def events(self, *, limit: int | None = None, **filters: str) -> Iterator[Event]:
        return cast(Iterator[Event], self._transport.pages("events", limit, filters))

    def tools(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._transport.ask("GET", "tools")["items"])

    def workers(self) -> list[dict[str, Any]]:
        return list(self._transport.pages("workers", None, {}))

    def queues(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._transport.ask("GET", "queues")["items"])

    def templates(self, *, limit: int | None = None, **filters: str) -> Iterator[dict[str, Any]]:
        return self._transport.pages("templates", limit, filters)

    def template(self, slug: str) -> dict[str, Any]:
        return cast(dict[str, Any], self._transport.ask("GET", f"templates/{slug}"))

    def workstreams(self, *, limit: int | None = None, **filters: str) -> Iterator[dict[str, Any]]:
        return self._transport.pages("workstreams", limit, filters)

    def control(self, collection: str, key: str, verb: str, **body: Any) -> dict[str, Any]:
        """Operate a queue, tool, worker, workstream or error group: `control("queues", "default", "pause")`."""
        path = f"{collection}/{quote(key, safe='')}/{verb}"
        return cast(dict[str, Any], self._transport.ask("POST", path, json=body or None))

    def forget_worker(self, worker_id: int) -> None:
        """Delete the row of a worker that has stopped or is lost."""
        self._transport.ask("DELETE", f"workers/{worker_id}")

    def me(self) -> dict[str, Any]:
        return cast(dict[str, Any], self._transport.ask("GET", "tokens/me"))


def _body(document: Document) -> bytes:
    if isinstance(document, Path):
        return document.read_bytes()
    if isinstance(document, str):
        return document.encode()
    return document if isinstance(document, bytes) else json.dumps(document).encode()
