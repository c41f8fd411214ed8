"""The bytes of a log, whole or a range of them: from the file where it is on this host, else from the shipped copy."""

import os
from collections.abc import Iterator

from jobs.models import LogChunk, StepAttempt

BLOCK = 1 << 17


def size_of(attempt: StepAttempt) -> int:
    if attempt.log_dir:
        try:
            return (attempt.directory / "output.log").stat().st_size
        except OSError:
            pass
    last = LogChunk.objects.filter(attempt=attempt).order_by("-seq").values_list("offset", "data").first()
    return last[0] + len(last[1]) if last else 0


def pieces(attempt: StepAttempt, start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` up to, not including, `end`."""
    if attempt.log_dir and (attempt.directory / "output.log").exists():
        yield from _of_file(attempt, start, end)
        return
    chunks = LogChunk.objects.filter(attempt=attempt)
    first = chunks.filter(offset__lte=start).order_by("-offset").values_list("seq", flat=True).first() or 0
    rows = chunks.filter(seq__gte=first, offset__lt=end).order_by("seq")
    for offset, data in rows.values_list("offset", "data").iterator(chunk_size=20):
        piece = bytes(data)[max(0, start - offset) : end - offset]
        if piece:
            yield piece


def _of_file(attempt: StepAttempt, start: int, end: int) -> Iterator[bytes]:
    with (attempt.directory / "output.log").open("rb") as log:
        while start < end:
            piece = os.pread(log.fileno(), min(BLOCK, end - start), start)
            if not piece:
                return  # cut short meanwhile
            start += len(piece)
            yield piece
