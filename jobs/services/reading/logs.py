"""An attempt's log for whoever reads it: the file where it is on this host, else the shipped copy."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from django.db.models import QuerySet

from adapters.process.logs import Line, LogFile
from adapters.process.search import SearchResult, search_file, search_in_child
from jobs import db
from jobs.models import LogChunk, StepAttempt

LINE_BYTES = 4096  # longer lines are cut for show
WATCHED_S = 10
NOTE_WATCH_S = 4  # "somebody watches" is written at most this often by one reader


class LogSource(Protocol):
    @property
    def lines_total(self) -> int: ...
    @property
    def size(self) -> int: ...
    def read_lines(self, first: int, count: int) -> list[Line]: ...
    def search(
        self, pattern: str, regex: bool = False, limit: int = 200, time_limit_s: float = 0.8
    ) -> SearchResult: ...


@dataclass
class Log:
    """The log of one attempt. `local`: the very file; otherwise the copy, which may end early."""

    attempt: StepAttempt
    source: LogSource
    local: bool

    @property
    def lines_total(self) -> int:
        return self.source.lines_total

    @property
    def size(self) -> int:
        return self.source.size

    @property
    def lines_whole(self) -> int:
        """Lines that have their end: a last one without may still grow."""
        total = self.lines_total
        return total - 1 if total and not self._ends_with_newline() else total

    def _ends_with_newline(self) -> bool:
        if isinstance(self.source, ChunkLog):
            return not self.source.open_end
        try:
            with open(self.attempt.directory / "output.log", "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:
            return True  # empty, or gone

    @property
    def complete(self) -> bool:
        """Whether everything that the attempt wrote can be shown here."""
        return self.local or not self.attempt.is_final or self.size >= self.attempt.log_bytes

    def lines(self, first: int, count: int) -> list[Line]:
        return self.source.read_lines(max(1, first), count)

    def tail(self, count: int) -> list[Line]:
        return self.lines(max(1, self.lines_total - count + 1), count)

    def search(self, pattern: str, regex: bool, limit: int, time_limit_s: float) -> SearchResult:
        return self.source.search(pattern, regex, limit, time_limit_s)

    def raw(self, start: int, end: int, piece: int = 1 << 17) -> Iterator[bytes]:
        """The bytes as they were written, in pieces."""
        if isinstance(self.source, ChunkLog):
            yield from self.source.raw(start, end)
            return
        with open(self.attempt.directory / "output.log", "rb") as file:
            file.seek(start)
            while start < end and (data := file.read(min(piece, end - start))):
                start += len(data)
                yield data

    def errors(self) -> list[int]:
        """Line numbers that look like errors, the first 200."""
        if isinstance(self.source, LogFile):
            return [found.number for found in self.source.errors()]
        first = self.attempt.first_error_line
        return [first] if first else []


def open_log(attempt: StepAttempt) -> Log:
    if attempt.log_dir and (attempt.directory / "output.log").exists():
        return Log(attempt, LogFile(attempt.directory), local=True)
    return Log(attempt, ChunkLog(attempt.pk), local=False)


def note_watched(attempt: StepAttempt) -> None:
    """Ask the worker to ship the log often for a while, because somebody looks."""
    now = db.now()
    until = attempt.watched_until
    if until is None or (until - now).total_seconds() < WATCHED_S - NOTE_WATCH_S:
        attempt.watched_until = now + timedelta(seconds=WATCHED_S)
        StepAttempt.objects.filter(pk=attempt.pk).update(watched_until=attempt.watched_until)


class ChunkLog:
    """Reads the shipped pieces; a piece may begin in the middle of a line."""

    def __init__(self, attempt_pk: int) -> None:
        self.attempt_pk = attempt_pk
        last = self._chunks().order_by("-seq").values_list("offset", "first_line", "line_count", "data").first()
        self._size = self._newlines = 0
        self.open_end = False
        if last is not None:
            offset, first_line, line_count, data = last
            self._size, self._newlines = offset + len(data), first_line - 1 + line_count
            self.open_end = not bytes(data).endswith(b"\n")

    def _chunks(self) -> "QuerySet[LogChunk]":
        return LogChunk.objects.filter(attempt_id=self.attempt_pk)

    @property
    def size(self) -> int:
        return self._size

    @property
    def lines_total(self) -> int:
        return self._newlines + self.open_end

    def _from(self, first: int) -> Iterator[tuple[int, int, bytes]]:
        """(number, offset, bytes without the line's end) from line `first` on."""
        start = (
            self._chunks()
            .filter(first_line__lte=first)
            .order_by("-first_line", "-seq")
            .values_list("seq", "first_line")
            .first()
        )
        if start is None:
            return
        # The line may have begun in earlier pieces that hold no line end at all.
        ended = self._chunks().filter(seq__lt=start[0], line_count__gt=0)
        earlier = ended.order_by("-seq").values_list("seq", flat=True)
        begin = (earlier.first() or 0) if start[1] >= first else start[0]
        number, offset, carry, known = 0, 0, b"", False
        rows = self._chunks().filter(seq__gte=begin).order_by("seq").values_list("offset", "first_line", "data")
        for at, line, data in rows.iterator(chunk_size=20):
            if not known:
                number, offset, known = line, at, True
            carry += bytes(data)
            *whole, carry = carry.split(b"\n")
            for text in whole:
                if number >= first:
                    yield number, offset, text
                number, offset = number + 1, offset + len(text) + 1
        if carry and number >= first:
            yield number, offset, carry

    def raw(self, start: int, end: int) -> Iterator[bytes]:
        for at, data in self._chunks().order_by("seq").values_list("offset", "data").iterator(chunk_size=20):
            yield bytes(data)[max(0, start - at) : max(0, end - at)]

    def read_lines(self, first: int, count: int) -> list[Line]:
        found = []
        for number, offset, text in self._from(first):
            found.append(Line(number, offset, None, text[:LINE_BYTES], len(text) > LINE_BYTES))
            if len(found) >= count:
                break
        return found

    def search(self, pattern: str, regex: bool = False, limit: int = 200, time_limit_s: float = 0.8) -> SearchResult:
        """The copy is small; put together as a file it is searched like one, in a child where that is needed."""
        with tempfile.NamedTemporaryFile(prefix="engine-log-") as file:
            for piece in self.raw(0, self.size):
                file.write(piece)
            file.flush()
            seek = search_in_child if regex else search_file
            return seek(Path(file.name), pattern, limit, time_limit_s, True)
