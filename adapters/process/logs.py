"""An attempt's log file, read while it grows: any line by seeking, never by scanning from the start."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.process.keeper.log.index import ENTRY
from adapters.process.keeper.log.writer import ERRORS, INDEX, LOG
from adapters.process.search import SearchResult, search
from adapters.process.terminal import TAIL_BYTES, last_rewrite, shorten, shorten_long, without_end

CUT_AT = 4096
BLOCK = 1 << 18
PIECE = 1 << 17
MAX_LINE_BYTES = 1 << 24  # of one line asked for uncut; what is longer is cut all the same


@dataclass(frozen=True)
class Line:
    """One line without its end.

    `raw` of a line longer than CUT_AT is only its beginning or, where carriage returns start it over, only its last
    rewrite. `cut` says that what a terminal would show is longer than `raw`.
    """

    number: int  # from 1
    offset: int
    time: float | None  # epoch seconds when it (or a line at most 0.1 s older) came
    raw: bytes
    cut: bool

    @property
    def shown(self) -> bytes:
        """The bytes that a terminal would leave on the line, escape sequences included."""
        return last_rewrite(self.raw)

    @property
    def text(self) -> str:
        return self.shown.decode("utf-8", "replace")


@dataclass(frozen=True)
class ErrorLine:
    number: int
    offset: int
    text: str


@dataclass(frozen=True)
class Entry:
    """One entry of the index: where a line begins and when it came, in microseconds since 1970."""

    line: int
    offset: int
    us: int | None

    @property
    def time(self) -> float | None:
        return None if self.us is None else self.us / 1e6


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
        return list(self._lines(max(1, first), count, MAX_LINE_BYTES if cut_at is None else cut_at))

    @property
    def open_end(self) -> bool:
        """Whether the last line has no end yet."""
        size = self.size
        return size > 0 and b"".join(self.read(size - 1, size)) != b"\n"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces; fewer if the log is shorter."""
        try:
            log = self._log.open("rb")
        except FileNotFoundError:
            return
        with log:
            yield from _blocks(log.fileno(), max(0, start), end, PIECE)

    def line_at(self, offset: int) -> int:
        """The number of the line that holds the byte at `offset`."""
        entry = self._before(offset, by_line=False)
        blocks = self.read(entry.offset, min(offset, self.size))
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
        """Lines that contain `pattern`, in the log as it was long when the search began. See `search.search`."""
        pieces = self.read(0, self.size)
        return search(pieces, pattern, regex=regex, limit=limit, time_limit_s=time_limit_s, ignore_case=ignore_case)

    def _lines(self, first: int, count: int, cut_at: int) -> Iterator[Line]:
        times = self.entries(first)
        entry = next(times, Entry(1, 0, None))
        coming = next(times, None)
        with self._log.open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            at = _skip(log.fileno(), entry.offset, first - entry.line, size)
            log.seek(at)
            for number in range(first, first + count):
                raw = log.readline(cut_at + 2)
                if not raw:
                    return
                start, at = at, at + len(raw)
                if raw.endswith(b"\n") or at >= size:
                    kept, cut = shorten(without_end(raw), cut_at)
                else:
                    at = _skip(log.fileno(), at, 1, size)
                    log.seek(at)
                    kept, cut = _long_line(log.fileno(), raw, start, at, cut_at)
                while coming is not None and coming.line <= number:
                    entry, coming = coming, next(times, None)
                yield Line(number, start, entry.time, kept, cut)
                if at >= size:
                    return  # what was written meanwhile may belong to the line that was just given

    def _before(self, wanted: int, by_line: bool) -> Entry:
        """The last index entry at or before a line number or an offset."""
        return next(self.entries(wanted, by_line), Entry(1, 0, None))

    def entries(self, wanted: int, by_line: bool = True) -> Iterator[Entry]:
        """The index from the last entry at or before a line number, or an offset, on."""
        try:
            index = self._index.open("rb")
        except FileNotFoundError:
            return
        with index:
            fd, high = index.fileno(), os.fstat(index.fileno()).st_size // ENTRY.size
            low = _bisect(fd, high, wanted, 0 if by_line else 1)
            for number in range(low, high):
                line, offset, us = ENTRY.unpack(os.pread(fd, ENTRY.size, number * ENTRY.size))
                yield Entry(line, offset, us)


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


def _blocks(fd: int, start: int, stop: int, size: int = BLOCK) -> Iterator[bytes]:
    while start < stop:
        block = os.pread(fd, min(size, stop - start), start)
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


def _long_line(fd: int, head: bytes, start: int, end: int, cut_at: int) -> tuple[bytes, bool]:
    """What is kept of the line between two offsets; `head` are its first bytes."""
    tail = os.pread(fd, min(TAIL_BYTES, end - start), max(start, end - TAIL_BYTES))
    return shorten_long(head, without_end(tail), cut_at)
