"""The raw log over HTTP: whole, a range of bytes, or one line; in pieces, under WSGI and ASGI alike."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from jobs.models import StepAttempt
from jobs.services.reading.logs import byte_range, open_log


def raw_log(request: HttpRequest, attempt: StepAttempt, *, line: int | None, disposition: str) -> StreamingHttpResponse:
    """The log's bytes; with `line`, those of one line, without regard to a Range header. Raises NoSuchRange."""
    log = open_log(attempt)
    size = log.size  # once: the log may grow while the answer is made
    asked = None if line else byte_range(request.headers.get("Range", ""), size)
    start, end = log.span(line) if line else asked or (0, size)
    pieces = log.read(start, end)
    response = StreamingHttpResponse(
        _from_threads(pieces) if isinstance(request, ASGIRequest) else pieces,
        status=206 if asked else 200,
        content_type="text/plain; charset=utf-8",
        headers={
            "Accept-Ranges": "bytes",
            "Content-Length": str(end - start),
            "Content-Encoding": "identity",  # a compressed range would not be the range that was asked for
            "Content-Disposition": f'{disposition}; filename="{_name(attempt)}"',
            "Cache-Control": "private, no-cache",
            "X-Attempt": str(attempt.number),
        },
    )
    if asked:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return response


def _name(attempt: StepAttempt) -> str:
    return f"{attempt.job.job_id}-{attempt.number}.log".replace(":", "_")


async def _from_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, read beside the event loop: a slow disk must not hold up other requests."""
    take = sync_to_async(lambda: next(pieces, b""))
    while piece := await take():
        yield piece
