"""Where lines begin: one entry at least every 500 lines, so a reader seeks instead of scanning."""

import struct

ENTRY = struct.Struct("<QQq")  # line number (from 1), byte offset, epoch microseconds
MAX_LINES_PER_ENTRY = 500
MAX_BYTES_PER_ENTRY = 1 << 18  # long lines: a reader never scans more than this to find one
MAX_ENTRY_AGE_S = 0.1  # times are that exact


class LineIndex:
    """Counts lines of a growing text and says which line starts to remember."""

    def __init__(self) -> None:
        self.size = 0
        self.newlines = 0
        self.at_line_start = True
        self._entry_line = -MAX_LINES_PER_ENTRY
        self._entry_size = 0
        self._entry_at = float("-inf")

    @property
    def lines(self) -> int:
        """Lines so far; a last line without its end counts."""
        return self.newlines + (not self.at_line_start)

    def feed(self, data: bytes, now: float, epoch_us: int) -> list[tuple[int, int, int]]:
        """Take the next piece; returns entries (line, offset, time) for line starts inside it.

        A line starts when its first byte is there. Strides of at most 500 lines are counted, never split.
        """
        entries: list[tuple[int, int, int]] = []
        at, line, end = 0, self.newlines + 1, len(data)
        if self.at_line_start and self._due(now, line, self.size):
            entries.append(self._entry(line, self.size, now, epoch_us))
        elif now - self._entry_at >= MAX_ENTRY_AGE_S and (first := data.find(b"\n") + 1):
            at, line = first, line + 1  # the first line that starts in this piece tells the time
            if at < end:
                entries.append(self._entry(line, self.size + at, now, epoch_us))
        while at < end:
            step, lines = self._stride(data, at, MAX_LINES_PER_ENTRY - (line - self._entry_line))
            line += lines
            if at + step >= end:
                break
            if lines:
                at = data.rindex(b"\n", at, at + step) + 1
            else:
                at = data.find(b"\n", at) + 1 or end
                line += data[at - 1 : at] == b"\n"
            if at < end and self._due(now, line + MAX_LINES_PER_ENTRY // 8, self.size + at):
                entries.append(self._entry(line, self.size + at, now, epoch_us))
        self.newlines = line - 1
        self.size += end
        self.at_line_start = data.endswith(b"\n")
        return entries

    def _stride(self, data: bytes, at: int, room: int) -> tuple[int, int]:
        """How far to step from `at` so that no more than `room` lines are passed, and how many are."""
        per_line = self.size // (self.newlines or 1) + 1
        step = max(1, min(MAX_BYTES_PER_ENTRY, per_line * room))
        lines = data.count(b"\n", at, at + step)
        while lines > room:
            step //= 2
            lines = data.count(b"\n", at, at + step)
        return step, lines

    def _entry(self, line: int, size: int, now: float, epoch_us: int) -> tuple[int, int, int]:
        self._entry_line, self._entry_size, self._entry_at = line, size, now
        return line, size, epoch_us

    def _due(self, now: float, line: int, size: int) -> bool:
        far = line - self._entry_line >= MAX_LINES_PER_ENTRY or size - self._entry_size >= MAX_BYTES_PER_ENTRY
        return far or now - self._entry_at >= MAX_ENTRY_AGE_S
