"""Scanner for lines that look like errors: records the first 200, so that a page can jump to them."""

import json
import os
import re

from .sink import open_own, write_all

MAX_ERROR_LINES = 200
MAX_TEXT_BYTES = 300
MAX_LINE_BYTES = 4096  # of a longer line only the surroundings of a suspicious word are looked at
PIECE = 1 << 18
OVERLAP = 32
# A plain search is ten times faster than one expression over everything; the expression then looks at one line.
NEEDLES = (b"error", b"exception", b"traceback (most recent", b"fail", b"fatal", b"panic")
LOOKS_BAD = re.compile(
    rb"(?i)(?:error|exception)s?(?![a-z])|traceback \(most recent|\bfatal\b|\bpanic(?:ked)?\b|\bfail(?:ed|ure|ures)?\b"
)
HARMLESS = re.compile(
    rb"(?i)\b(?:0|no|zero|without)\s+(?:\w+\s+)?(?:errors?|exceptions?|failures?|failed)"
    # codex says this of each model that it does not know, and works all the same
    rb"|\"type\":\s*\"error\",\s*\"message\":\s*\"model metadata[^\"]*\""
    rb"|(?:errors?|exceptions?|failed|failures?)\\?[\"']?\s*[:=]\s*(?:0\b|false|null|none|\[\]|\{\}|\\?\"\\?\")"
)


class ErrorScanner:
    """Reads the log behind its writer, in the pauses of the tool, so that a flood of output is not slowed by it.

    errors.idx gets one JSON object a line, with the text, so a page shows them without a look into the log.
    """

    def __init__(self, directory: str, log_name: str, errors_name: str) -> None:
        self._log_fd = os.open(os.path.join(directory, log_name), os.O_RDONLY | os.O_CLOEXEC)  # noqa: PTH118
        self._errors_fd = open_own(directory, errors_name)
        self._at = 0  # everything before this offset is scanned
        self._counted = (1, 0)  # a line number and an offset in that line, up to which lines are counted
        self._seen = 0
        self._count = self._last_line = 0
        self.first_line: int | None = None

    def behind(self, size: int) -> bool:
        """Of `size` bytes some have not been looked at (an unfinished last line is left for later)."""
        return self._seen < size and self._count < MAX_ERROR_LINES

    def step(self, size: int, last: bool = False) -> None:
        """Look at the next piece of a log of `size` bytes; at the `last` call also at an unfinished line."""
        data = os.pread(self._log_fd, min(PIECE, size - self._at), self._at)
        end = data.rfind(b"\n") + 1
        if not end and len(data) > MAX_LINE_BYTES:
            end = len(data) - OVERLAP
        if last and self._at + len(data) >= size:
            end = len(data)
        self._seen = size if self._at + len(data) >= size else self._at + end
        if not data:
            self._at = self._seen = size  # the log was truncated by another process
        self._scan(data, end)
        self._at += end

    def finished(self, size: int) -> bool:
        """Nothing of a log of `size` bytes is left to scan, not even an unfinished line."""
        return self._at >= size or self._count >= MAX_ERROR_LINES

    def close(self) -> None:
        os.close(self._log_fd)
        os.close(self._errors_fd)

    def _scan(self, data: bytes, end: int) -> None:
        for start, stop in _suspects(data, end):
            text = data[start:stop]
            if self._count < MAX_ERROR_LINES and looks_bad(text):
                line = self._line_of(self._at + start)
                if line != self._last_line:
                    self._put(line, self._at + start, text[:MAX_TEXT_BYTES])

    def _line_of(self, offset: int) -> int:
        """Counts from the last line asked for: where nothing is found, no line is counted."""
        line, at = self._counted
        while at < offset and (block := os.pread(self._log_fd, min(PIECE, offset - at), at)):
            line, at = line + block.count(b"\n"), at + len(block)
        self._counted = (line, at)
        return line

    def _put(self, line: int, offset: int, text: bytes) -> None:
        self._last_line = line
        self._count += 1
        self.first_line = self.first_line or line
        row = {"line": line, "offset": offset, "text": text.decode("utf-8", "replace")}
        write_all(self._errors_fd, json.dumps(row).encode() + b"\n", "The list of error lines")


def looks_bad(line: bytes) -> bool:
    return LOOKS_BAD.search(line) is not None and LOOKS_BAD.search(HARMLESS.sub(b"", line)) is not None


def _suspects(data: bytes, end: int) -> list[tuple[int, int]]:
    """Lines (start, stop) of data[:end] with a needle, in order. Backwards, because rfind is four times faster."""
    low = data.lower()
    lines: set[tuple[int, int]] = set()
    for needle in NEEDLES:
        at = low.rfind(needle, 0, end)
        while at >= 0:
            start, stop = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            if stop - start > MAX_LINE_BYTES:
                start, stop = max(start, at - MAX_TEXT_BYTES // 2), min(stop, at + MAX_TEXT_BYTES)
            lines.add((start, stop))
            at = low.rfind(needle, 0, start)
    return sorted(lines)
