"""Requests to the API: one answer, all pages of a list, or a stream that reconnects."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx

from .errors import EngineError, Unavailable
from .sse import messages
from .types import Message

RECONNECT_TIMEOUT_S = 60.0  # how long a stream tries to reconnect


class Transport:
    """A connection to one server. Raises EngineError for a refusal, Unavailable if the server does not respond."""

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

    def close(self) -> None:
        self._http.close()

    def ask(
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
        content_type = {"Content-Type": "application/json"} if content is not None else {}
        response = self.send(
            method,
            path,
            params=params,
            content=content,
            json=json,
            timeout=timeout,
            headers={**content_type, **(headers or {})},
        )
        try:
            return response.json() if response.content else None
        except ValueError:
            raise Unavailable(f"Unexpected response from {self.url}: check that it is Engine.") from None

    def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **how)
        except httpx.HTTPError as fault:
            raise Unavailable(f"Cannot reach Engine at {self.url}: {fault or type(fault).__name__}") from None
        if response.is_error or response.is_redirect:
            raise _refusal(response, self.url)
        return response

    def pages(self, path: str, limit: int | None, filters: Mapping[str, str]) -> Iterator[Any]:
        cursor, count = "", 0
        while True:
            size = 200 if limit is None else min(200, limit - count)
            query = {**filters, "limit": size, **({"cursor": cursor} if cursor else {})}
            page = self.ask("GET", path, query=query)
            yield from page["items"]
            count += len(page["items"])
            cursor = page["next"] or ""
            if not cursor or (limit is not None and count >= limit):
                return

    def stream(self, path: str, query: Mapping[str, Any]) -> Iterator[Message]:
        last, lost_at = "", None
        while True:
            try:
                headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
                timeout = httpx.Timeout(30.0, read=45.0)  # a quiet stream sends a comment every 15 s
                with self._http.stream("GET", path, params=query, headers=headers, timeout=timeout) as response:
                    if response.is_error:
                        response.read()
                        raise _refusal(response, self.url)
                    lost_at = None
                    for message in messages(response.iter_lines()):
                        last = message.id or last
                        yield message
            except httpx.HTTPError as fault:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > RECONNECT_TIMEOUT_S:
                    raise Unavailable(f"The stream from {self.url} was interrupted: {fault}") from None
            time.sleep(0.5)


def _refusal(response: httpx.Response, url: str) -> EngineError:
    refusal: dict[str, Any] = {}
    with suppress(ValueError):
        refusal = response.json()
    if not isinstance(refusal, dict) or "code" not in refusal:
        return Unavailable(f"Unexpected response from {url} (status {response.status_code}): check that it is Engine.")
    return EngineError(
        response.status_code,
        refusal["code"],
        refusal.get("detail", ""),
        refusal.get("problems"),
        refusal.get("request_id", ""),
    )
