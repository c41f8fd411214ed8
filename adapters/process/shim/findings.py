"""Lines that look like errors, found while the log is written: the first 200, so a page can jump to them."""

import json
import os
import re

from .sink import write_all

MAX_FOUND = 200
MAX_TEXT = 300
MAX_CARRY = 4096
OVERLAP = 32
# A plain search is ten times faster than one expression over everything; the expression then looks at one line.
NEEDLES = (b"error", b"exception", b"traceback", b"fail", b"fatal", b"panic")
LOOKS_BAD = re.compile(
    rb"(?i)(?:error|exception)s?(?![a-z])|traceback \(most recent|\bfatal\b|\bpanic(?:ked)?\b|\bfail(?:ed|ure|ures)?\b"
)
HARMLESS = re.compile(
    rb"(?i)\b(?:0|no|zero|without)\s+(?:\w+\s+)?(?:errors?|exceptions?|failures?|failed)"
    rb"|(?:errors?|exceptions?|failed|failures?)\\?[\"']?\s*[:=]\s*(?:0\b|false|null|none|\[\]|\{\}|\\?\"\\?\")"
)


class Finding:
    """One line that looks like an error."""

    __slots__ = ("line", "offset", "text")

    def __init__(self, line: int, offset: int, text: bytes) -> None:
        self.line, self.offset, self.text = line, offset, text


class Findings:
    """Takes the log piece by piece; a line cut between two pieces is looked at once it is whole."""

    def __init__(self) -> None:
        self.count = 0
        self._carry = b""
        self._last_line = 0

    def feed(self, piece: bytes, line: int, offset: int) -> list[Finding]:
        """`line` and `offset` are those of the piece's first byte."""
        if self.count >= MAX_FOUND:
            return []
        data = self._carry + piece if self._carry else piece
        offset -= len(self._carry)
        end = data.rfind(b"\n") + 1
        if len(data) - end > MAX_CARRY:
            end = len(data) - OVERLAP
        self._carry = data[end:]
        return self._scan(data, end, line, offset)

    def flush(self, line: int, offset: int) -> list[Finding]:
        """The last line, if it has no end."""
        data, self._carry = self._carry, b""
        return self._scan(data, len(data), line, offset - len(data)) if self.count < MAX_FOUND else []

    def _scan(self, data: bytes, end: int, line: int, offset: int) -> list[Finding]:
        found: list[Finding] = []
        counted = 0
        for start, stop in _suspects(data, end):
            line += data.count(b"\n", counted, start)
            counted = start
            text = data[start : min(stop, start + MAX_CARRY)]
            if line != self._last_line and looks_bad(text):
                self._last_line = line
                self.count += 1
                found.append(Finding(line, offset + start, text[:MAX_TEXT]))
                if self.count >= MAX_FOUND:
                    break
        return found


class FindingsFile:
    """errors.idx: one JSON object a line, with the text, so a page shows them without a look into the log."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.first_line: int | None = None

    def put(self, finding: Finding, left_out: bool = False) -> None:
        """`left_out`: the log's limit cut this line; its place is the line that says so."""
        row = {"line": finding.line, "offset": finding.offset, "text": finding.text.decode("utf-8", "replace")}
        write_all(self._fd, json.dumps({**row, "left_out": left_out}).encode() + b"\n", "The list of error lines")
        if self.first_line is None:
            self.first_line = finding.line

    def close(self) -> None:
        os.close(self._fd)


def looks_bad(line: bytes) -> bool:
    return LOOKS_BAD.search(line) is not None and LOOKS_BAD.search(HARMLESS.sub(b"", line)) is not None


def _suspects(data: bytes, end: int) -> "list[tuple[int, int]]":
    """Lines (start, stop) of data[:end] with a needle, in order; one piece is at most some hundred kilobytes."""
    low = data.lower()
    lines: set[tuple[int, int]] = set()
    for needle in NEEDLES:
        at = low.find(needle, 0, end)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            stop = data.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            lines.add((start, stop))
            at = low.find(needle, stop, end)
    return sorted(lines)
