"""The body of a request: read whole before Django sees it, within bounds of size and time."""

import asyncio
from contextlib import suppress

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from engine_site.web.environ import path_of
from jobs.api.errors import too_big
from jobs.api.middleware import ROOT

BODY_S = 60.0  # for the whole body
LINGER_S = 2.0  # how long the rest of a refused body is read and dropped: a client that sends does not read yet


async def read_body(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> bytes | None:
    """None if nothing is left to answer: the client has gone, was too slow, or sent too much and was told so."""
    most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if _declared(scope) > most:
        await _refuse(scope, receive, send)
        return None
    pieces: list[bytes] = []
    left = most
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                pieces.append(message["body"])
                left -= len(message["body"])
                if left < 0:
                    break
                if not message["more_body"]:
                    return b"".join(pieces)
    except TimeoutError:
        await _send(send, HttpResponse("The body of the request did not come in time.\n", status=408), more=False)
        return None
    await _refuse(scope, receive, send)
    return None


def _declared(scope: HTTPScope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


async def _refuse(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """413 before anybody asks who it is."""
    if path_of(scope).startswith(ROOT):
        response = too_big(HttpRequest(), RequestDataTooBig())
    else:
        response = HttpResponse("The request is larger than 2.5 MB.\n", status=413, content_type="text/plain")
    await _send(send, response, more=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (message := await receive())["type"] == "http.request" and message["more_body"]:
                pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: ASGISendCallable, response: HttpResponse, *, more: bool) -> None:
    """The whole answer; the connection ends with it. `more`: it is complete, but not over."""
    headers = {"Content-Length": str(len(response.content)), "Connection": "close", **response.headers}
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": pairs, "trailers": False})
    await send({"type": "http.response.body", "body": response.content, "more_body": more})
