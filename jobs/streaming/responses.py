"""Streaming responses."""

from collections.abc import AsyncIterator

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

# In the environment of a request: its server can hold a connection open without giving it a thread.
STREAMS = "engine.streams"


def can_stream(request: HttpRequest) -> bool:
    """Whether streams are on, and the server of the request can hold them."""
    return bool(settings.ENGINE_STREAMS) and (isinstance(request, ASGIRequest) or STREAMS in request.META)


def event_stream(pieces: AsyncIterator[bytes]) -> StreamingHttpResponse:
    headers = {
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "Content-Encoding": "identity",  # compressing would hold messages back
    }
    return StreamingHttpResponse(pieces, content_type="text/event-stream", headers=headers)
