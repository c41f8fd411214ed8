"""The ASGI application: Django under its synchronous handler in threads, bodies that never end on the event loop.

Under Django's own ASGI handler each synchronous view and middleware changes threads, and each request opens a database
connection. Here a request takes one thread, which keeps its connection. A thread is taken when the whole request has
been read and is given back before the answer is sent, so a slow client holds none.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, cast

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.conf import settings
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler, get_script_name
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from engine_site.web.body import read_body
from engine_site.web.environ import environ_of

log = logging.getLogger("engine.web")
Headers = list[tuple[bytes, bytes]]
WAITS = 200  # requests that ask to be answered when a job has ended, at the same time
DOWNLOADS = 8  # large answers that are read from disk or database while they are sent, at the same time
SLOW_S = 60.0  # a client that does not take a piece of a download within this time has gone


@dataclass(frozen=True)
class Answer:
    """What Django answered; `content` is None where it comes in pieces."""

    response: HttpResponseBase
    headers: Headers
    content: bytes | None


class Handler(WSGIHandler):
    """Django's WSGI handler, asked without a WSGI server."""

    def answer(self, environ: dict[str, Any]) -> Answer:
        set_script_prefix(get_script_name(environ))
        signals.request_started.send(sender=self.__class__, environ=environ)
        response = self.get_response(self.request_class(environ))
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        headers += [(b"set-cookie", cookie.OutputString().encode("latin-1")) for cookie in response.cookies.values()]
        return Answer(response, headers, response.content if isinstance(response, HttpResponse) else None)


class Bridge:
    """Serves HTTP. `stop` ends what would otherwise go on until its client leaves."""

    def __init__(self) -> None:
        self.handler = Handler()
        # Apart, so that reading goes on while every writer waits for a locked database.
        self.reads = ThreadPoolExecutor(settings.ENGINE_WEB_THREADS, "read")
        self.writes = ThreadPoolExecutor(settings.ENGINE_WEB_THREADS, "write")
        self.waits = ThreadPoolExecutor(WAITS, "wait")
        self.downloads = ThreadPoolExecutor(DOWNLOADS, "download")
        self.streams: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Engine does not speak {scope['type']}.")
        body = await read_body(scope, receive, send)
        if body is None:
            return
        answer = await self._ask_django(self._threads_for(scope), environ_of(scope, body))
        await send(
            {
                "type": "http.response.start",
                "status": answer.response.status_code,
                "headers": answer.headers,
                "trailers": False,
            }
        )
        await self._send_body(scope, answer, receive, send)

    def _threads_for(self, scope: HTTPScope) -> ThreadPoolExecutor:
        if b"wait=" in scope["query_string"]:
            return self.waits
        return self.reads if scope["method"] in ("GET", "HEAD", "OPTIONS") else self.writes

    def _ask_django(self, threads: ThreadPoolExecutor, environ: dict[str, Any]) -> "asyncio.Future[Answer]":
        """Runs in a thread. The answer is on its way before the thread does what Django does after each request."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def tell(call: Callable[[Any], None], result: object) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(lambda: None if future.done() else call(result))

        def work() -> None:
            try:
                answer = self.handler.answer(environ)
            except BaseException as fault:
                tell(future.set_exception, fault)
                return
            tell(future.set_result, answer)
            if answer.content is not None:
                answer.response.close()
            if threads is self.waits:
                connections.close_all()  # there are too many of these threads for each to keep one

        threads.submit(work)
        return future

    async def _send_body(
        self, scope: HTTPScope, answer: Answer, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if answer.content is not None:
            await _send(send, answer.content)
            return
        response = cast(StreamingHttpResponse, answer.response)
        try:
            if scope["method"] == "HEAD":
                pass
            elif response.is_async:
                await self._stream(response, receive, send)
            else:
                await self._download(response, send)
        finally:
            response.close()
        await _send(send, b"")

    async def _stream(
        self, response: StreamingHttpResponse, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Send pieces until there are no more, the client leaves, or the server stops."""
        task = asyncio.create_task(_pump(response, send))
        watch = asyncio.create_task(_gone(receive))
        self.streams.add(task)
        try:
            await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.streams.discard(task)
            watch.cancel()
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _download(self, response: StreamingHttpResponse, send: ASGISendCallable) -> None:
        """All pieces come from one thread: what they are read with, such as a database connection, belongs to it."""
        loop = asyncio.get_running_loop()

        def pour() -> None:
            try:
                for piece in response:
                    asyncio.run_coroutine_threadsafe(_send(send, piece, more=True), loop).result(SLOW_S)
            finally:
                connections.close_all()

        await loop.run_in_executor(self.downloads, pour)

    def stop(self) -> None:
        for task in self.streams:
            task.cancel()


async def _pump(response: StreamingHttpResponse, send: ASGISendCallable) -> None:
    async with aclosing(response.__aiter__()) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            await _send(send, piece, more=True)


async def _gone(receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: ASGISendCallable, piece: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": more})
