"""Writer of an attempt's log: bytes, line index, error lines, and a limit of the size."""

import os
import time

from .error_scanner import ErrorScanner
from .index import ENTRY, LineIndex
from .log_limit import Tail
from .sink import LogError, Sink, open_copy, open_own, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOG, INDEX, ERRORS = "output.log", "output.idx", "errors.idx"


class LogWriter:
    """Writes output.log (and the job's copy), output.idx and errors.idx. Raises LogError once, then takes no more.

    Three quarters of the limit are written as they come; of what follows only the last quarter is kept, and joined
    to the log at the end, behind a line that says how much is missing. The log itself only grows.
    """

    def __init__(self, spec: "dict[str, Any]") -> None:
        self._directory, self._limit = spec["attempt_dir"], spec["max_log_bytes"]
        self._head_limit = self._limit - self._limit // 4
        self._sink = Sink(_targets(spec))
        self._index_fd = -1  # opened with the first output, as the scanner: many tools write nothing
        self._scanner: ErrorScanner | None = None
        self._counter = LineIndex()
        self._tail: Tail | None = None
        self._head_lines, self._head_is_whole = 0, True
        self._shift = 0  # lines of the log minus lines of the output, once a middle is left out
        self.broken = False
        self.skipped = 0  # bytes that are not in the log: left out of the middle, or come when it could not be written

    @property
    def size(self) -> int:
        return self._sink.size

    @property
    def seen(self) -> int:
        """Everything that came, kept or not: grows with the output."""
        return self._counter.size + self.skipped

    @property
    def lines(self) -> int:
        return self._counter.lines + self._shift

    @property
    def at_line_start(self) -> bool:
        return self._counter.at_line_start

    @property
    def first_error_line(self) -> int | None:
        return self._scanner.first_line if self._scanner else None

    def write(self, data: bytes, now: float) -> None:
        if self.broken:
            self.skipped += len(data)
        elif data:
            self._guard(lambda: self._write(data, now), len(data))

    @property
    def unread(self) -> bool:
        """There is output that was not yet scanned for error lines."""
        return not self.broken and self._scanner is not None and self._scanner.behind(self.size)

    def look_for_errors(self) -> None:
        """Look at the next piece; for the moments in which the tool writes nothing."""
        if self._scanner is not None:
            scanner = self._scanner
            self._guard(lambda: scanner.step(self.size), 0)

    def join(self) -> None:
        """The output is complete: join the kept tail to the log. A disk that is full now costs the tail, no more."""
        if not self.broken and self._tail is not None:
            self._guard(self._join, 0)
            self._tail = None

    def scan_rest(self) -> bool:
        """Scan the next piece of a complete log; True when nothing is left."""
        scanner = self._scanner
        if scanner is None or self.broken or scanner.finished(self.size):
            return True
        self._guard(lambda: scanner.step(self.size, last=True), 0)
        return scanner.finished(self.size)

    def close(self) -> None:
        self._sink.close()
        if self._scanner is not None:
            self._scanner.close()
        if self._index_fd >= 0:
            os.close(self._index_fd)
            self._index_fd = -1

    def _guard(self, action: "Callable[[], None]", size: int) -> None:
        try:
            action()
        except (LogError, OSError) as error:
            self.broken = True
            self.skipped += max(0, size - getattr(error, "written", 0))
            raise error if isinstance(error, LogError) else LogError(f"The log cannot be written: {error}.") from error

    def _write(self, data: bytes, now: float) -> None:
        if self._tail is None:
            room = self._head_limit - self._sink.size
            if len(data) <= room:
                self._to_head(data, now)
                return
            data = self._fill_head(data, room, now)
            self._head_lines, self._head_is_whole = self._counter.lines, self._counter.at_line_start
            line = self._counter.newlines + 1
            self._tail = Tail(self._directory, self._limit // 4, self._counter.size, line)
        self._to_tail(self._tail, data, now)

    def _fill_head(self, data: bytes, room: int, now: float) -> bytes:
        """Write what fits, in whole lines if there are any; returns the rest."""
        fits = data.rfind(b"\n", 0, room) + 1
        if not fits and not (self._counter.at_line_start and self._sink.size):
            fits = room
        if fits:
            self._to_head(data[:fits], now)
        return data[fits:]

    def _to_head(self, data: bytes, now: float) -> None:
        if self._index_fd < 0:
            self._index_fd = open_own(self._directory, INDEX)
            self._scanner = ErrorScanner(self._directory, LOG, ERRORS)
        try:
            self._sink.write(data)  # before its index: a reader never finds an entry without its line
        except LogError as error:
            if error.written:
                self._counter.feed(data[: error.written], now, 0)
            raise
        self._put_index(self._counter.feed(data, now, time.time_ns() // 1000))

    def _to_tail(self, tail: Tail, data: bytes, now: float) -> None:
        while data:
            part = data[: tail.room(self._counter.size, self._counter.newlines + 1)]
            tail.write(part, self._counter.feed(part, now, time.time_ns() // 1000))
            data = data[len(part) :]

    def _put_index(self, entries: list[tuple[int, int, int]]) -> None:
        if entries:
            write_all(self._index_fd, b"".join(ENTRY.pack(*entry) for entry in entries), "The log's index")

    def _join(self) -> None:
        tail = self._tail
        assert tail is not None
        gap_at = self._sink.size
        left_out = tail.start > gap_at
        if left_out:
            self._put_gap(tail)
        shift = self._sink.size - tail.start
        entries = [(line + self._shift, offset + shift, us) for line, offset, us in tail.entries()]
        if left_out:
            told_at = entries[0][2] if entries else time.time_ns() // 1000
            entries.insert(0, (tail.line + self._shift, self._sink.size, told_at))
        for piece in tail.content():
            self._sink.write(piece)
        self._put_index(entries)
        tail.drop()

    def _put_gap(self, tail: Tail) -> None:
        tail.skip_cut_line()
        self.skipped += tail.start - self._sink.size
        lines = tail.line - 1 - self._head_lines
        start = b"" if self._head_is_whole else b"\n"
        text = (
            f"[engine] {self.skipped} bytes in {lines} lines left out here; the log is limited to {self._limit} bytes\n"
        )
        self._sink.write(start + text.encode())
        self._shift = self._head_lines + 2 - tail.line


def _targets(spec: "dict[str, Any]") -> list[tuple[int, str]]:
    path = spec.get("copy_to")
    targets = []
    if path:  # first, so that a refusal leaves nothing behind
        fd = open_copy(path, spec.get("copy_roots") or [], bool(spec.get("copy_append")))
        targets.append((fd, f"The job's log file {path} (paths.log_file)"))
    own = os.path.join(spec["attempt_dir"], LOG)  # noqa: PTH118
    try:
        return [(open_own(spec["attempt_dir"], LOG), own), *targets]
    except LogError:
        for fd, _ in targets:
            os.close(fd)
        raise
