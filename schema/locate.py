"""From a JSON pointer to its line in the text.

Values off the way are skipped by the C decoder, so that a line in a large document costs little more than reading it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .limits import PROBLEMS_SHOWN
from .problems import Problem, said

type _Wanted = dict[str, _Wanted]

_BLANKS = re.compile(r"[ \t\n\r]*")
# Numbers stay text here: nobody reads them, and one of 5,000 digits would raise.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def located(problems: Sequence[Problem], text: str | None) -> list[Problem]:
    """The problems with their lines, in the order of the text, and fit to be shown and stored."""
    if text is None:
        return [said(problem) for problem in problems]
    lines = lines_of(text, (problem.pointer for problem in problems))
    shown = [replace(each, line=each.line or lines[each.pointer]) for each in problems[:PROBLEMS_SHOWN]]
    shown.sort(key=lambda problem: problem.line or 0)
    return [said(problem) for problem in (*shown, *problems[PROBLEMS_SHOWN:])]


def lines_of(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """The line of each pointer's key or entry; of what is missing, the line of the nearest thing around it."""
    wanted = list(dict.fromkeys(pointers))
    start = _after_blanks(text, 0)
    places = {"": start}
    try:
        _visit(text, start, "", _tree(wanted), places)
    except (ValueError, IndexError, RecursionError):
        pass  # not JSON, or not the text of that document: what was met so far still holds
    lines = {pointer: text.count("\n", 0, at) + 1 for pointer, at in places.items()}
    return {pointer: lines[_nearest(pointer, lines)] for pointer in wanted}


def repeated_keys(text: str) -> Iterator[tuple[str, int]]:
    """Pointer and line of each key that its object already has. The text must be JSON of bounded depth."""
    yield from _repeated(text, _after_blanks(text, 0), "", {})


def _visit(text: str, at: int, pointer: str, wanted: _Wanted, places: dict[str, int]) -> None:
    missing = len(wanted)
    for token, key_at, value_at in _members(text, at, {}):
        if (below := wanted.get(token)) is None or (child := f"{pointer}/{token}") in places:
            continue
        places[child] = key_at
        if below:
            _visit(text, value_at, child, below, places)
        missing -= 1
        if not missing:  # asked here and not above: the next member would cost the reading of this one
            return


def _repeated(text: str, at: int, pointer: str, ends: dict[int, int]) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for token, key_at, value_at in _members(text, at, ends):
        child = f"{pointer}/{token}"
        if token in seen:
            yield child, text.count("\n", 0, key_at) + 1
        seen.add(token)
        if text[value_at] in "{[":
            yield from _repeated(text, value_at, child, ends)


def _members(text: str, at: int, ends: dict[int, int]) -> Iterator[tuple[str, int, int]]:
    """Each member of the container that begins at `at`: its pointer token, where its key and its value begin.

    `ends` says where containers end that were read to their end, so that no level reads its contents again.
    """
    start, opening = at, text[at]
    if opening not in "{[":
        return
    at = _after_blanks(text, at + 1)
    index = 0
    while text[at] not in "}]":
        key_at = at
        token = str(index)
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            token = _token(key)
            at = _after_blanks(text, _after_blanks(text, at) + 1)  # past the colon
        yield token, key_at, at
        at = _after_blanks(text, ends.get(at) or _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
        index += 1
    ends[start] = at + 1


def _tree(pointers: Iterable[str]) -> _Wanted:
    tree: _Wanted = {}
    for pointer in pointers:
        branch = tree
        for token in pointer.split("/")[1:]:
            branch = branch.setdefault(token, {})
    return tree


def _nearest(pointer: str, lines: dict[str, int]) -> str:
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return pointer


def _token(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at
