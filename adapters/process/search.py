"""Find text in a log: in lines as a terminal shows them, piece by piece, within a limit of time.

RE2 does the matching: its time is linear in the text for every expression, so a hostile one needs no process that can
be killed. What it leaves out for that, look-around and back-references, is refused.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import re2

from adapters.process.terminal import visible

PLAIN_PIECE, REGEX_PIECE = 1 << 20, 1 << 16
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


@dataclass(frozen=True)
class Match:
    number: int
    line: bytes
    start: int
    end: int


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
    expression = _compile(pattern, regex, ignore_case)
    until = time.monotonic() + time_limit_s
    total = last = 0
    hits: list[Hit] = []
    for found in _pieces(blocks, REGEX_PIECE if regex else PLAIN_PIECE):
        if time.monotonic() > until:
            return SearchResult(total, hits, complete=False)
        for match in _matches(expression, found):
            if match.number != last:  # parts of one line are one hit
                total, last = total + 1, match.number
                if len(hits) < limit:
                    hits.append(_hit(match))
            if time.monotonic() > until:
                return SearchResult(total, hits, complete=False)
    return SearchResult(total, hits, complete=True)


def _compile(pattern: str, regex: bool, ignore_case: bool) -> Any:
    options = re2.Options()
    options.case_sensitive, options.literal = not ignore_case, not regex
    options.never_nl, options.log_errors = True, False
    try:
        expression = re2.compile((f"(?m){pattern}" if regex else pattern).encode("utf-8", "replace"), options)
    except re2.error as fault:
        reason = fault.args[0].decode("utf-8", "replace") if fault.args else "unknown"
        raise ValueError(f"{pattern!r} is not a regular expression that RE2 takes: {reason}.") from None
    if expression.programsize > MAX_PROGRAM and regex:
        raise ValueError(f"{pattern!r} is too large a regular expression; use fewer or smaller repetitions.")
    return expression


def _pieces(blocks: Iterable[bytes], size: int) -> Iterator[Piece]:
    """The text in pieces of about `size` bytes that end with a line."""
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


def _matches(expression: Any, piece: Piece) -> Iterator[Match]:
    """The first match in each line that has one."""
    data = visible(piece.data)
    number, counted, at = piece.line, 0, 0
    while at < len(data) and (match := expression.search(data, at)):
        start = data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", match.end())
        end = len(data) if end < 0 else end
        if start == len(data):
            return  # an expression that matches nothing matches behind the last line end too
        number, counted = number + data.count(b"\n", counted, start), start
        yield Match(number, data[start:end], match.start() - start, match.end() - start)
        at = end + 1


def _hit(match: Match) -> Hit:
    first, last = 0, len(match.line)
    if last > EXCERPT:
        first = max(0, min(match.start - LEAD, last - EXCERPT))
        last = min(last, first + EXCERPT)
    lead, found, rest = (
        match.line[_character(match.line, begin) : _character(match.line, end)].decode("utf-8", "replace")
        for begin, end in ((first, match.start), (match.start, min(match.end, last)), (min(match.end, last), last))
    )
    return Hit(match.number, lead + found + rest, len(lead), len(lead + found), first > 0, last < len(match.line))


def _character(line: bytes, at: int) -> int:
    """The first place from `at` on at which a character begins."""
    while at < len(line) and line[at] & 0xC0 == 0x80:
        at += 1
    return at
