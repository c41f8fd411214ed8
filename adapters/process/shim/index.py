"""Where lines begin: one entry at least every 500 lines, so a reader seeks instead of scanning."""

import struct

ENTRY = struct.Struct("<QQq")  # line number (from 1), byte offset, epoch microseconds
EVERY_LINES = 500
EVERY_BYTES = 1 << 18  # long lines: a reader never scans more than this to find one
EVERY_S = 0.1  # times are that exact


class LineIndex:
    """Counts lines of a growing text and says which line starts to remember."""

    def __init__(self) -> None:
        self.size = 0
        self.newlines = 0
        self.at_line_start = True
        self._entry_line = -EVERY_LINES
        self._entry_size = 0
        self._entry_at = float("-inf")

    @property
    def lines(self) -> int:
        """Lines so far; a last line without its end counts."""
        return self.newlines + (not self.at_line_start)

    def feed(self, data: bytes, now: float, epoch_us: int) -> list[tuple[int, int, int]]:
        """Take the next piece; returns entries (line, offset, time) for line starts inside it."""
        entries: list[tuple[int, int, int]] = []
        count = data.count(b"\n")
        end = len(data)
        starts_in = end - 1  # a line start counts when a byte of the line is there
        if self.at_line_start and self._due(now, self.newlines + 1, self.size):
            self._enter(entries, self.newlines + 1, self.size, now, epoch_us)
        if count and self._due(now, self.newlines + count + 1, self.size + end):
            self._walk(data, count, starts_in, now, epoch_us, entries)
        self.newlines += count
        self.size += end
        self.at_line_start = data.endswith(b"\n")
        return entries

    def _due(self, now: float, line: int, size: int) -> bool:
        far = line - self._entry_line >= EVERY_LINES or size - self._entry_size >= EVERY_BYTES
        return far or now - self._entry_at >= EVERY_S

    def _enter(self, entries: list[tuple[int, int, int]], line: int, size: int, now: float, epoch_us: int) -> None:
        entries.append((line, size, epoch_us))
        self._entry_line, self._entry_size, self._entry_at = line, size, now

    def _walk(
        self, data: bytes, count: int, starts_in: int, now: float, us: int, entries: list[tuple[int, int, int]]
    ) -> None:
        """Step through `data` in strides of at most 500 lines, found by counting, not by splitting."""
        at, line = 0, self.newlines + 1
        if now - self._entry_at >= EVERY_S:  # the first line that starts in this piece tells the time
            at, line = data.index(b"\n") + 1, line + 1
            if at <= starts_in:
                self._enter(entries, line, self.size + at, now, us)
        stride = max(1, min(EVERY_BYTES, len(data) * EVERY_LINES // (count + 1)))
        while at <= starts_in:
            room = EVERY_LINES - (line - self._entry_line)
            step, lines = stride, data.count(b"\n", at, at + stride)
            while lines > room:
                step //= 2
                lines = data.count(b"\n", at, at + step)
            if lines:
                line += lines
                at = data.rindex(b"\n", at, at + step) + 1
            else:
                at = data.find(b"\n", at) + 1
                line += 1
            if not at or at > starts_in:
                return
            if self._due(now, line + EVERY_LINES // 8, self.size + at):
                self._enter(entries, line, self.size + at, now, us)
