"""Read an attempt's log while it grows: any line by seeking, never by scanning from the start."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.process.keeper.log.index import ENTRY
from adapters.process.keeper.log.writer import ERRORS, INDEX, LOG
from adapters.process.search import SearchResult, search_file, search_in_child

CUT_AT = 4096
BLOCK = 1 << 18
LONGEST = 1 << 24  # of one line asked for uncut; what is longer is cut all the same


@dataclass(frozen=True)
class Line:
    """One line without its end. `cut`: `raw` is only its beginning; `read_bytes` has the rest."""

    number: int  # from 1
    offset: int
    time: float | None  # epoch seconds when it (or a line at most 0.1 s older) came
    raw: bytes
    cut: bool

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")


@dataclass(frozen=True)
class ErrorLine:
    number: int
    offset: int
    text: str


@dataclass(frozen=True)
class _Entry:
    line: int
    offset: int
    us: int | None


class LogFile:
    """A view, not a handle: every call opens the files again, so a log may come, grow and go between calls."""

    def __init__(self, attempt_dir: str | os.PathLike[str]) -> None:
        self._log, self._index = Path(attempt_dir) / LOG, Path(attempt_dir) / INDEX
        self._errors = Path(attempt_dir) / ERRORS

    @property
    def size(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def lines_total(self) -> int:
        """Lines now; an unfinished last line counts. Reads the log from the last index entry on only."""
        size = self.size
        if size == 0:
            return 0
        with self._log.open("rb") as log:
            entry = self._before(size, by_line=False)
            count, last = entry.line, b"\n"
            for block in _blocks(log.fileno(), entry.offset, size):
                count, last = count + block.count(b"\n"), block[-1:]
        return count - (last == b"\n")

    def read_lines(self, first: int, count: int, cut_at: int | None = CUT_AT) -> list[Line]:
        """Up to `count` lines from number `first` (from 1) on; fewer at the end, none beyond it.

        Lines longer than `cut_at` bytes are cut and say so; None gives them whole up to 16 MB.
        """
        if count < 1 or not self._log.exists():
            return []
        return list(self._lines(max(1, first), count, LONGEST if cut_at is None else cut_at))

    def read_bytes(self, offset: int, length: int) -> bytes:
        """Raw bytes of the log, for shipping pieces and for the rest of a cut line."""
        try:
            with self._log.open("rb") as log:
                return os.pread(log.fileno(), max(0, length), max(0, offset))
        except FileNotFoundError:
            return b""

    def line_at(self, offset: int) -> int:
        """The number of the line that holds the byte at `offset`."""
        entry = self._before(offset, by_line=False)
        blocks = self._file_blocks(entry.offset, min(offset, self.size))
        return entry.line + sum(block.count(b"\n") for block in blocks)

    def errors(self) -> list[ErrorLine]:
        """The first 200 lines that look like errors."""
        try:
            rows = self._errors.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        return [ErrorLine(row["line"], row["offset"], row["text"]) for row in map(json.loads, rows)]

    def search(
        self,
        pattern: str,
        regex: bool = False,
        limit: int = 200,
        time_limit_s: float = 2.0,
        ignore_case: bool = True,
    ) -> SearchResult:
        """Lines that contain `pattern`: how many, and the first `limit`. Ends in time, complete or not.

        A regular expression is tried in a child process, because one that backtracks forever cannot be stopped.
        Raises ValueError for an expression that is none.
        """
        seek = search_in_child if regex else search_file
        return seek(self._log, pattern, limit, time_limit_s, ignore_case)

    def _lines(self, first: int, count: int, cut_at: int) -> Iterator[Line]:
        times = self._entries_from(first)
        entry = next(times, _Entry(1, 0, None))
        coming = next(times, None)
        with self._log.open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            at = _skip(log.fileno(), entry.offset, first - entry.line, size)
            log.seek(at)
            for number in range(first, first + count):
                raw = log.readline(cut_at + 2)
                if not raw:
                    return
                body = _body(raw)
                start, at = at, at + len(raw)
                if not raw.endswith(b"\n"):
                    at = _skip(log.fileno(), at, 1, max(size, at))
                    log.seek(at)
                while coming is not None and coming.line <= number:
                    entry, coming = coming, next(times, None)
                when = None if entry.us is None else entry.us / 1e6
                yield Line(number, start, when, body[:cut_at], len(body) > cut_at)

    def _before(self, wanted: int, by_line: bool) -> _Entry:
        """The last index entry at or before a line number or an offset."""
        return next(self._entries_from(wanted, by_line), _Entry(1, 0, None))

    def _entries_from(self, wanted: int, by_line: bool = True) -> Iterator[_Entry]:
        try:
            index = self._index.open("rb")
        except FileNotFoundError:
            return
        with index:
            fd, high = index.fileno(), os.fstat(index.fileno()).st_size // ENTRY.size
            low = _bisect(fd, high, wanted, 0 if by_line else 1)
            for number in range(low, high):
                line, offset, us = ENTRY.unpack(os.pread(fd, ENTRY.size, number * ENTRY.size))
                yield _Entry(line, offset, us)

    def _file_blocks(self, start: int, stop: int) -> Iterator[bytes]:
        if start < stop:
            with self._log.open("rb") as log:
                yield from _blocks(log.fileno(), start, stop)


def _bisect(fd: int, high: int, wanted: int, column: int) -> int:
    """The number of the last entry whose column is at most `wanted`; 0 if there is none."""
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if ENTRY.unpack(os.pread(fd, ENTRY.size, middle * ENTRY.size))[column] <= wanted:
            low = middle
        else:
            high = middle
    return low


def _blocks(fd: int, start: int, stop: int) -> Iterator[bytes]:
    while start < stop:
        block = os.pread(fd, min(BLOCK, stop - start), start)
        if not block:
            return
        yield block
        start += len(block)


def _skip(fd: int, at: int, lines: int, size: int) -> int:
    """The offset behind the next `lines` line ends, or the end of the file."""
    for block in _blocks(fd, at, size) if lines > 0 else ():
        found = block.count(b"\n")
        if found >= lines:
            place = -1
            for _ in range(lines):
                place = block.index(b"\n", place + 1)
            return at + place + 1
        lines -= found
        at += len(block)
    return at


def _body(raw: bytes) -> bytes:
    """A line without its end, which a tool of another system may write as CR LF."""
    return raw[:-1].removesuffix(b"\r") if raw.endswith(b"\n") else raw
