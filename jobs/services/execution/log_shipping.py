"""Log shipping: copies the logs of running attempts from this host's files into chunk rows, gapless, up to a cap.

The file is the source; the rows are what any web host can show, also when this host is gone.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from django.conf import settings
from django.db import DataError, IntegrityError

from adapters.process import LogFile
from jobs import db
from jobs.models import LogChunk, StepAttempt
from jobs.states import AttemptStatus

log = logging.getLogger("engine.logs")
CHUNK_BYTES = 16_384
WATCHED_INTERVAL_S, UNWATCHED_INTERVAL_S = 0.25, 2.0


@dataclass(frozen=True)
class Piece:
    """Chunks that are not stored yet, and where the copy stands once they are."""

    chunks: tuple[LogChunk, ...] = ()
    offset: int = 0
    lines: int = 0
    seq: int = 0


class LogCopy:
    """How far the copy of one log has come; also tells a listener in this process what is new."""

    def __init__(self, attempt: StepAttempt, on_output: Callable[[bytes], None] | None = None) -> None:
        self.attempt = attempt
        self.path = attempt.directory / "output.log"
        self.watched = False
        self._on_output = on_output
        self._heard = 0
        self._position = Piece()
        self._stored_at = time.monotonic()

    @classmethod
    def resumed(cls, attempt: StepAttempt) -> "LogCopy":
        """Where another process stopped."""
        copy = cls(attempt)
        last = LogChunk.objects.filter(attempt=attempt).order_by("seq").last()
        if last is not None:
            lines = last.first_line - 1 + last.line_count
            copy._position = Piece((), last.offset + len(last.data), lines, last.seq + 1)
        return copy

    @property
    def live(self) -> bool:
        """Somebody in this process listens."""
        return self._on_output is not None

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def is_due(self) -> bool:
        """Enough is new, or it is old enough."""
        new = min(self.size, settings.ENGINE_LOG_COPY_BYTES) - self._position.offset
        interval = WATCHED_INTERVAL_S if self.watched else UNWATCHED_INTERVAL_S
        return new >= CHUNK_BYTES or (new > 0 and time.monotonic() - self._stored_at >= interval)

    def read(self) -> Piece:
        """What is in the file and not stored, as rows. Raises OSError."""
        position, end = self._position, min(self.size, settings.ENGINE_LOG_COPY_BYTES)
        if end <= position.offset:
            return position
        with self.path.open("rb") as file:
            file.seek(position.offset)
            data = file.read(end - position.offset)
        chunks, offset, lines, seq = list[LogChunk](), position.offset, position.lines, position.seq
        for start in range(0, len(data), CHUNK_BYTES):
            part = data[start : start + CHUNK_BYTES]
            row = LogChunk(
                attempt=self.attempt,
                seq=seq,
                offset=offset,
                first_line=lines + 1,
                line_count=part.count(b"\n"),
                data=part,
                times=self._times(lines + 1, offset + len(part)),
            )
            chunks.append(row)
            offset, lines, seq = offset + len(part), lines + row.line_count, seq + 1
        return Piece(tuple(chunks), offset, lines, seq)

    def _times(self, first_line: int, end: int) -> list[list[int]]:
        """What the index says of the lines from `first_line` up to the offset `end`: line and microseconds."""
        entries = takewhile(lambda entry: entry.offset < end, LogFile(self.attempt.directory).entries(first_line))
        return [[entry.line, entry.us] for entry in entries if entry.us is not None]

    def stored(self, piece: Piece) -> None:
        self._position = Piece((), piece.offset, piece.lines, piece.seq)
        self._stored_at = time.monotonic()

    def tell(self) -> None:
        """Give the listener what has come since the last time."""
        if self._on_output is None or self.size <= self._heard:
            return
        with self.path.open("rb") as file:
            file.seek(self._heard)
            while part := file.read(1 << 16):
                self._heard += len(part)
                try:
                    self._on_output(part)
                except (OSError, ValueError):  # the listener has gone; the job goes on
                    self._on_output = None
                    return


def ship(copies: Sequence[LogCopy]) -> None:
    """Store what is new of all of them in one transaction; if the database refuses it, each in one of its own."""
    pieces = [(copy, piece) for copy in copies if (piece := _read(copy)).chunks]
    try:
        _store(pieces)
    except (DataError, IntegrityError):
        for one in pieces:
            try:
                _store([one])
            except (DataError, IntegrityError):
                log.exception("attempt %s: its log cannot be copied", one[0].attempt.pk)
                one[0].stored(one[1])  # skipped: tried again and again, it would cost every turn


def _read(copy: LogCopy) -> Piece:
    try:
        return copy.read()
    except OSError as fault:
        log.warning("attempt %s: its log cannot be copied (%s)", copy.attempt.pk, fault)
        return Piece()


def _store(pieces: Sequence[tuple[LogCopy, Piece]]) -> None:
    if not pieces:
        return
    with db.atomic():
        keys = [copy.attempt.pk for copy, _ in pieces]
        rows = StepAttempt.objects.filter(pk__in=keys, status=AttemptStatus.RUNNING).values_list("pk", "fence")
        held = set(rows)  # an old fence writes nothing
        LogChunk.objects.bulk_create(
            chunk for copy, piece in pieces if (copy.attempt.pk, copy.attempt.fence) in held for chunk in piece.chunks
        )
    for copy, piece in pieces:
        copy.stored(piece)
