"""An attempt's log: the file where it is on this host, else the shipped copy."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from adapters.process.logs import ErrorLine, Line, LogFile
from adapters.process.search import SearchResult
from jobs import db
from jobs.models import StepAttempt
from jobs.services.reading.shipped_log import ShippedLog

WATCHED_S = 10
NOTE_WATCHED_S = 4  # "somebody watches" is written at most this often by one reader
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


class NoSuchRange(ValueError):
    """None of the bytes that were asked for are in the log, which has `size` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The log has {size} bytes.")
        self.size = size


class LogSource(Protocol):
    """What can be read of a log wherever it is."""

    @property
    def size(self) -> int: ...
    @property
    def lines_total(self) -> int: ...
    @property
    def open_end(self) -> bool: ...
    def read(self, start: int, end: int) -> Iterator[bytes]: ...
    def read_lines(self, first: int, count: int) -> list[Line]: ...
    def errors(self) -> list[ErrorLine]: ...
    def search(
        self, pattern: str, regex: bool = False, limit: int = 200, time_limit_s: float = 2.0
    ) -> SearchResult: ...


@dataclass
class Log:
    """The log of one attempt. `local`: the very file; otherwise the copy, which may end early."""

    attempt: StepAttempt
    source: LogSource
    local: bool

    @property
    def size(self) -> int:
        return self.source.size

    @property
    def lines_total(self) -> int:
        """An unfinished last line counts."""
        return self.source.lines_total

    @property
    def lines_whole(self) -> int:
        """Lines that have their end: a last one without may still grow."""
        total = self.lines_total  # first: a line that begins meanwhile must not be counted as a whole one
        return total - self.source.open_end

    @property
    def complete(self) -> bool:
        """Whether everything that the attempt wrote can be read here."""
        return self.local or not self.attempt.is_final or self.size >= self.attempt.log_bytes

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`, as they were written, in pieces."""
        return self.source.read(start, end)

    def lines(self, first: int, count: int) -> list[Line]:
        return self.source.read_lines(max(1, first), count)

    def tail(self, count: int) -> list[Line]:
        return self.lines(self.lines_total - count + 1, count)

    def span(self, number: int) -> tuple[int, int]:
        """Where one line begins and ends in the bytes; an empty span at the end if there is no such line."""
        size = self.size
        found = self.lines(number, 2)
        if not found:
            return size, size
        return found[0].offset, found[1].offset if len(found) > 1 else size

    def search(self, pattern: str, regex: bool, limit: int, time_limit_s: float) -> SearchResult:
        return self.source.search(pattern, regex, limit, time_limit_s)

    def errors(self) -> list[int]:
        """Numbers of lines that look like errors, the first 200; of the copy only the first one."""
        return [found.number for found in self.source.errors()]


def open_log(attempt: StepAttempt) -> Log:
    if attempt.log_dir and (attempt.directory / "output.log").exists():
        return Log(attempt, LogFile(attempt.directory), local=True)
    return Log(attempt, ShippedLog(attempt), local=False)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """(start, end) of the single range that a Range header names; None where everything is to be sent.

    A header that names several ranges, or none that RFC 9110 allows, counts as none. Raises NoSuchRange.
    """
    match = RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise NoSuchRange(size)
    return start, end


def note_watched(attempt: StepAttempt) -> None:
    """Ask the worker to ship the log often for a while, because somebody watches it."""
    now = db.now()
    until = attempt.watched_until
    if until is None or (until - now).total_seconds() < WATCHED_S - NOTE_WATCHED_S:
        attempt.watched_until = now + timedelta(seconds=WATCHED_S)
        StepAttempt.objects.filter(pk=attempt.pk).update(watched_until=attempt.watched_until)
