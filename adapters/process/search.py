"""Look for text in a whole log, piece by piece, within a limit of time. Also a program: see `search_in_child`."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PIECE = 1 << 20
LONGEST = 1 << 24  # a line longer than this is looked at in parts
SHOWN = 500  # bytes of a hit that are kept
START_S = 2.0  # for the child's own start on a busy machine


@dataclass(frozen=True)
class Hit:
    number: int
    offset: int
    text: str


@dataclass(frozen=True)
class SearchResult:
    total: int = 0  # lines that match, also those beyond the limit of hits
    hits: list[Hit] = field(default_factory=list)
    complete: bool = True  # False: the time was over before the log was

    def as_dict(self) -> dict[str, Any]:
        return {"total": self.total, "complete": self.complete, "hits": [vars(hit) for hit in self.hits]}


Piece = tuple[int, int, bytes]  # line number and offset of its first byte, whole lines
Match = tuple[int, int, bytes]  # lines before it in the piece, offset in the piece, the line
Finder = Callable[[bytes], Iterator[Match]]


def search_file(log: Path, pattern: str, limit: int, time_limit_s: float, ignore_case: bool) -> SearchResult:
    """Plain text; upper and lower case are the same for ASCII and, more slowly, for other letters."""
    if ignore_case and not pattern.isascii():
        return _search(log, _by_line(re.compile(re.escape(pattern), re.IGNORECASE)), limit, time_limit_s)
    return _search(log, _plain(pattern.encode("utf-8", "surrogateescape"), ignore_case), limit, time_limit_s)


def search_in_child(log: Path, pattern: str, limit: int, time_limit_s: float, ignore_case: bool) -> SearchResult:
    """A regular expression, tried line by line in a process that is killed when the time is over."""
    wish = json.dumps([str(log), pattern, limit, time_limit_s, ignore_case])
    python = getattr(sys, "_base_executable", "") or sys.executable
    command = [python, "-I", "-S", "-X", "utf8", __file__]
    try:
        done = subprocess.run(command, input=wish.encode(), capture_output=True, timeout=time_limit_s + START_S, env={})
    except subprocess.TimeoutExpired:
        return SearchResult(complete=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return SearchResult(complete=False)
    if "invalid" in answer:
        raise ValueError(f"{pattern!r} is no regular expression: {answer['invalid']}.")
    return SearchResult(answer["total"], [Hit(**hit) for hit in answer["hits"]], answer["complete"])


def _search(log: Path, finder: Finder, limit: int, time_limit_s: float) -> SearchResult:
    until = time.monotonic() + time_limit_s
    total = 0
    hits: list[Hit] = []
    for line, offset, data in _pieces(log):
        if time.monotonic() > until:
            return SearchResult(total, hits, complete=False)
        for lines, at, text in finder(data):
            total += 1
            if len(hits) < limit:
                hits.append(Hit(line + lines, offset + at, text[:SHOWN].decode("utf-8", "replace").rstrip("\r")))
            elif total % 1000 == 0 and time.monotonic() > until:
                return SearchResult(total, hits, complete=False)
    return SearchResult(total, hits, complete=True)


def _pieces(log: Path) -> Iterator[Piece]:
    """The file as it was long when the search began, in pieces that end with a line."""
    try:
        source = log.open("rb")
    except FileNotFoundError:
        return
    with source:
        left, line, offset, rest = source.seek(0, 2), 1, 0, b""
        source.seek(0)
        while left > 0 and (block := source.read(min(PIECE, left))):
            left -= len(block)
            data = rest + block
            end = data.rfind(b"\n") + 1
            if left <= 0 or (not end and len(data) > LONGEST):
                end = len(data)
            rest = data[end:]
            if end:
                yield line, offset, data[:end]
                line, offset = line + data.count(b"\n", 0, end), offset + end


def _plain(needle: bytes, ignore_case: bool) -> Finder:
    needle = needle.lower() if ignore_case else needle

    def find(data: bytes) -> Iterator[Match]:
        text = data.lower() if ignore_case else data
        lines = counted = 0
        at = text.find(needle)
        while 0 <= at < len(data):
            start, stop = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            stop = len(data) if stop < 0 else stop
            lines, counted = lines + data.count(b"\n", counted, start), start
            yield lines, start, data[start:stop]
            at = text.find(needle, stop + 1)

    return find


def _by_line(expression: "re.Pattern[str]") -> Finder:
    def find(data: bytes) -> Iterator[Match]:
        offset = 0
        raw_lines = data.removesuffix(b"\n").split(b"\n")
        for lines, raw in enumerate(raw_lines):
            if expression.search(raw.decode("utf-8", "replace")):
                yield lines, offset, raw
            offset += len(raw) + 1

    return find


def _main() -> None:
    log, pattern, limit, time_limit_s, ignore_case = json.load(sys.stdin)
    try:
        expression = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        print(json.dumps({"invalid": str(error)}))
        return
    print(json.dumps(_search(Path(log), _by_line(expression), limit, time_limit_s).as_dict()))


if __name__ == "__main__":
    _main()
