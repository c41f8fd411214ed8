"""Find text in a log: in lines as a terminal shows them, piece by piece, within a limit of time.

RE2 does the matching: its time is linear in the text for every expression, so a hostile one needs no process that can
be killed. What it leaves out for that, look-around and back-references, is refused.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import re2

from adapters.process.terminal import visible

TEXT_PIECE, REGEX_PIECE = 1 << 20, 1 << 16
# A longer line is searched in parts that overlap: only a match longer than the overlap can be missed.
LINE_PART, OVERLAP = 1 << 18, 1 << 12
MAX_PROGRAM = 2000  # instructions of a compiled expression: one step of a search then takes some 0.1 s at most
EXCERPT, LEAD = 500, 120  # bytes of a long line that are shown, and how many of them stand before the match


@dataclass(frozen=True)
class Hit:
    """A line that matches: the whole of it, or of a long one the surroundings of its first match.

    `text[start:end]` is the match; `before` and `after` say that the line goes on beyond `text`.
    """

    number: int
    text: str
    start: int
    end: int
    before: bool
    after: bool


@dataclass(frozen=True)
class SearchResult:
    total: int = 0  # lines that match, also those beyond the limit of hits
    hits: list[Hit] = field(default_factory=list)
    complete: bool = True  # False: the time was over before the log was


@dataclass(frozen=True)
class Piece:
    """Whole lines, or a part of a very long one, and the number of the first."""

    line: int
    data: bytes


Match = tuple[int, int, int]  # where it begins and ends, and where its line ends
Finder = Callable[[bytes], Iterator[Match]]  # the first match in each line that has one


def search(
    blocks: Iterable[bytes],
    pattern: str,
    *,
    regex: bool = False,
    limit: int = 200,
    time_limit_s: float = 2.0,
    ignore_case: bool = True,
) -> SearchResult:
    """Lines of the text in `blocks` that contain `pattern`: how many, and the first `limit`.

    Raises ValueError for an invalid or too large regular expression.
    """
    find = _by_expression(pattern, ignore_case) if regex else _by_text(pattern, ignore_case)
    until = time.monotonic() + time_limit_s
    total = last = 0
    hits: list[Hit] = []
    for piece in _pieces(blocks, REGEX_PIECE if regex else TEXT_PIECE):
        if time.monotonic() > until:
            return SearchResult(total, hits, complete=False)
        data, number, counted = visible(piece.data), piece.line, 0
        for match in find(data):
            number, counted = number + data.count(b"\n", counted, match[0]), match[0]
            if number == last:
                continue  # another part of a line that is a hit already
            total, last = total + 1, number
            if len(hits) < limit:
                hits.append(_hit(number, data, match))
            if regex and time.monotonic() > until:
                return SearchResult(total, hits, complete=False)
    return SearchResult(total, hits, complete=True)


def _by_text(text: str, ignore_case: bool) -> Finder:
    if ignore_case and not text.isascii():
        return _finder(_compile(text, literal=True, ignore_case=True))
    needle = text.encode("utf-8", "replace")
    needle = needle.lower() if ignore_case else needle

    def find(data: bytes) -> Iterator[Match]:
        folded = data.lower() if ignore_case else data
        at = folded.find(needle)
        while 0 <= at < len(data):
            end = _line_end(data, at)
            yield at, at + len(needle), end
            at = folded.find(needle, end + 1)

    return find


def _by_expression(pattern: str, ignore_case: bool) -> Finder:
    try:
        expression = _compile(f"(?m){pattern}", literal=False, ignore_case=ignore_case)
    except re2.error as fault:
        reason = fault.args[0].decode("utf-8", "replace") if fault.args else "unknown"
        raise ValueError(f"{pattern!r} is not a regular expression that RE2 takes: {reason}.") from None
    if expression.programsize > MAX_PROGRAM:
        raise ValueError(f"{pattern!r} is too large a regular expression; use fewer or smaller repetitions.")
    return _finder(expression)


def _compile(pattern: str, *, literal: bool, ignore_case: bool) -> Any:
    options = re2.Options()
    options.literal, options.case_sensitive = literal, not ignore_case
    options.never_nl, options.log_errors = True, False
    return re2.compile(pattern.encode("utf-8", "replace"), options)


def _finder(expression: Any) -> Finder:
    def find(data: bytes) -> Iterator[Match]:
        at = 0
        while at < len(data) and (match := expression.search(data, at)) and match.start() < len(data):
            end = _line_end(data, match.end())
            yield match.start(), match.end(), end
            at = end + 1

    return find


def _line_end(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end


def _pieces(blocks: Iterable[bytes], size: int) -> Iterator[Piece]:
    """The text in pieces of at most about `size` bytes that end with a line, and parts of very long lines."""
    line, rest = 1, b""
    for block in blocks:
        for at in range(0, len(block), size):
            rest += block[at : at + size]
            end = rest.rfind(b"\n") + 1
            if end:
                yield Piece(line, rest[:end])
                line, rest = line + rest.count(b"\n", 0, end), rest[end:]
            elif len(rest) > LINE_PART:
                yield Piece(line, rest)
                rest = rest[-OVERLAP:]
    if rest:
        yield Piece(line, rest)


def _hit(number: int, data: bytes, match: Match) -> Hit:
    start, end, line_end = match
    line_start = data.rfind(b"\n", 0, start) + 1
    first, last = line_start, line_end
    if last - first > EXCERPT:
        first = max(first, min(start - LEAD, last - EXCERPT))
        last = min(last, first + EXCERPT)
    lead, found, rest = (
        data[_character(data, begin) : _character(data, stop)].decode("utf-8", "replace")
        for begin, stop in ((first, start), (start, min(end, last)), (min(end, last), last))
    )
    return Hit(number, lead + found + rest, len(lead), len(lead + found), first > line_start, last < line_end)


def _character(data: bytes, at: int) -> int:
    """The first place from `at` on at which a character begins."""
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return at
