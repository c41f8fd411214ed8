"""The client: one method for each thing one may ask of Engine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx

from .errors import EngineError, Unavailable
from .shapes import Bulk, ErrorKind, Event, Job, Message, Run
from .sse import messages

Document = Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | bytes | Path
ENDS = ("completed", "failed", "timeout", "cancelled", "rejected", "blocked", "review", "quarantined")
LONG_POLL_S = 30.0
PATIENCE_S = 60.0  # how long a stream may be away before it is given up


class Client:
    """Talks to one Engine. Raises EngineError for what it refuses, Unavailable when it does not answer."""

    def __init__(
        self, url: str = "", token: str = "", *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        url = url or os.environ.get("ENGINE_URL", "http://127.0.0.1:8750")
        token = token or os.environ.get("ENGINE_TOKEN", "")
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json", "User-Agent": "engine-client"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(base_url=f"{self.url}/api/v1/", headers=headers, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- jobs --------------------------------------------------------------------------------------------------------
    def submit(self, document: Document, *, idempotency_key: str = "", wait: float = 0) -> Job:
        """Put one job into the queue; a path or a text is sent as it stands, so that faults keep their lines."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return cast(Job, self._ask("POST", "jobs", content=_body(document), headers=headers, wait=wait))

    def submit_all(self, documents: Sequence[Mapping[str, Any]], *, idempotency_key: str = "") -> list[Job]:
        """All of them, or none; they may depend on each other."""
        return cast(list[Job], self.submit(list(documents), idempotency_key=idempotency_key))

    def check(self, document: Document) -> dict[str, Any]:
        """`ok`, `problems` and `warnings`; nothing is written."""
        return cast(dict[str, Any], self._ask("POST", "jobs/check", content=_body(document)))

    def job(self, job_id: str, *, wait: float = 0) -> Job:
        return cast(Job, self._ask("GET", f"jobs/{job_id}", wait=wait))

    def jobs(self, *, limit: int | None = None, **filters: str) -> Iterator[Job]:
        """Every job that fits, newest first, page after page; `limit` ends it earlier."""
        return cast(Iterator[Job], self._pages("jobs", limit, filters))

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """The job when it has ended or asks for a person; sooner if the time is over."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LONG_POLL_S if until is None else min(LONG_POLL_S, max(0.0, until - time.monotonic()))
            job = self.job(job_id, wait=left)
            if job["status"] in ENDS or (until is not None and time.monotonic() >= until):
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
        """Accept that a quarantined job failed."""
        return self.act(job_id, "close")

    def review(self, job_id: str, verdict: str, message: str = "") -> Job:
        return self.act(job_id, "review", verdict=verdict, message=message)

    def act(self, job_id: str, verb: str, **order: Any) -> Job:
        return cast(Job, self._ask("POST", f"jobs/{job_id}/{verb}", json=order or None))

    def bulk(
        self,
        verb: str,
        *,
        job_ids: Sequence[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        tool: str = "",
    ) -> Bulk:
        """Do one verb to many jobs; a result for each."""
        order: dict[str, Any] = {"verb": verb, "dry_run": dry_run, "tool": tool}
        order |= {"job_ids": list(job_ids)} if job_ids is not None else {"filter": dict(filter or {})}
        return cast(Bulk, self._ask("POST", "jobs/bulk", json=order))

    # --- logs and events ---------------------------------------------------------------------------------------------
    def log(self, job_id: str, *, attempt: int = 0) -> bytes:
        """The whole log of an attempt; 0 means the latest."""
        response = self._send("GET", f"jobs/{job_id}/log", params={"attempt": attempt})
        return response.content

    def log_lines(self, job_id: str, *, first: int | None = None, count: int = 200, attempt: int = 0) -> dict[str, Any]:
        place = {} if first is None else {"first": first}
        query = {"count": count, "attempt": attempt, **place}
        return cast(dict[str, Any], self._ask("GET", f"jobs/{job_id}/log/lines", query=query))

    def follow(self, job_id: str, *, attempt: int = 0, line: int = 0) -> Iterator[Message]:
        """The log as it comes, over all attempts, to the end of the job; a broken connection is taken up again."""
        for message in self._stream(f"jobs/{job_id}/log/stream", {"attempt": attempt, "line": line}):
            yield message
            if message.event == "end":
                return

    def follow_events(self, after: int | None = None) -> Iterator[Message]:
        """What happens, as it happens; without end."""
        return self._stream("events/stream", {} if after is None else {"after": after})

    # --- the rest ----------------------------------------------------------------------------------------------------
    def runs(self, *, limit: int | None = None, **filters: str) -> Iterator[Run]:
        return cast(Iterator[Run], self._pages("runs", limit, filters))

    def run(self, run_id: str) -> Run:
        return cast(Run, self._ask("GET", f"runs/{run_id}"))

    def errors(self, *, limit: int | None = None, **filters: str) -> Iterator[ErrorKind]:
        return cast(Iterator[ErrorKind], self._pages("errors", limit, filters))

    def events(self, *, limit: int | None = None, **filters: str) -> Iterator[Event]:
        return cast(Iterator[Event], self._pages("events", limit, filters))

    def tools(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._ask("GET", "tools")["items"])

    def workers(self) -> list[dict[str, Any]]:
        return list(self._pages("workers", None, {}))

    def queues(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._ask("GET", "queues")["items"])

    def me(self) -> dict[str, Any]:
        return cast(dict[str, Any], self._ask("GET", "tokens/me"))

    # --- how it is asked ---------------------------------------------------------------------------------------------
    def _ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        params = {**(query or {}), **({"wait": wait} if wait else {})}
        timeout = httpx.Timeout(30.0 + wait)
        kind = {"Content-Type": "application/json"} if content is not None else {}
        response = self._send(
            method,
            path,
            params=params,
            content=content,
            json=json,
            timeout=timeout,
            headers={**kind, **(headers or {})},
        )
        try:
            return response.json() if response.content else None
        except ValueError:
            raise Unavailable(f"{self.url} answers, but not as Engine does.") from None

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **how)
        except httpx.HTTPError as fault:
            raise Unavailable(f"Engine does not answer at {self.url}: {fault or type(fault).__name__}") from None
        if response.is_error or response.is_redirect:
            raise _refusal(response, self.url)
        return response

    def _pages(self, path: str, limit: int | None, filters: Mapping[str, str]) -> Iterator[Any]:
        cursor, given = "", 0
        while True:
            size = 200 if limit is None else min(200, limit - given)
            query = {**filters, "limit": size, **({"cursor": cursor} if cursor else {})}
            page = self._ask("GET", path, query=query)
            yield from page["items"]
            given += len(page["items"])
            cursor = page["next"] or ""
            if not cursor or (limit is not None and given >= limit):
                return

    def _stream(self, path: str, query: Mapping[str, Any]) -> Iterator[Message]:
        last, away_since = "", None
        while True:
            try:
                headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
                timeout = httpx.Timeout(30.0, read=45.0)  # a quiet stream says every 15 s that it lives
                with self._http.stream("GET", path, params=query, headers=headers, timeout=timeout) as response:
                    if response.is_error:
                        response.read()
                        raise _refusal(response, self.url)
                    away_since = None
                    for message in messages(response.iter_lines()):
                        last = message.id or last
                        yield message
            except httpx.HTTPError as fault:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > PATIENCE_S:
                    raise Unavailable(f"The stream from {self.url} broke off: {fault}") from None
            time.sleep(0.5)


def _body(document: Document) -> bytes:
    if isinstance(document, Path):
        return document.read_bytes()
    if isinstance(document, str):
        return document.encode()
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def _refusal(response: httpx.Response, url: str) -> EngineError:
    said: dict[str, Any] = {}
    with suppress(ValueError):
        said = response.json()
    if not isinstance(said, dict) or "code" not in said:
        return Unavailable(f"{url} answers with {response.status_code}, but not as Engine does.")
    return EngineError(
        response.status_code, said["code"], said.get("detail", ""), said.get("problems"), said.get("request_id", "")
    )
