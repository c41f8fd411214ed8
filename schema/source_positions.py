"""Source positions: the line of each JSON pointer in the text of a document.

Values that no pointer leads into are skipped by the C decoder, so a line costs little more than reading the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .limits import MAX_PROBLEMS
from .problems import Problem, sanitized

type _Wanted = dict[str, _Wanted]

_WHITESPACE = re.compile(r"[ \t\n\r]*")
# Numbers stay text: their values are not used, and one of 5,000 digits would raise.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def with_lines(problems: Sequence[Problem], text: str | None) -> list[Problem]:
    """The problems with their lines, in the order of the text, sanitized for display and storage."""
    if text is None:
        return [sanitized(problem) for problem in problems]
    lines = line_numbers(text, (problem.pointer for problem in problems))
    located = [replace(each, line=each.line or lines[each.pointer]) for each in problems[:MAX_PROBLEMS]]
    located.sort(key=lambda problem: problem.line or 0)
    return [sanitized(problem) for problem in (*located, *problems[MAX_PROBLEMS:])]


def line_numbers(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """The line of each pointer's key or entry; of what is missing, the line of the closest container."""
    wanted = list(dict.fromkeys(pointers))
    start = _skip_whitespace(text, 0)
    offsets = {"": start}
    try:
        _visit(text, start, "", _tree(wanted), offsets)
    except (ValueError, IndexError, RecursionError):
        pass  # not JSON, or the text of another document: the positions found so far are right
    lines = {pointer: text.count("\n", 0, at) + 1 for pointer, at in offsets.items()}
    return {pointer: lines[_closest_container(pointer, lines)] for pointer in wanted}


def duplicate_keys(text: str) -> Iterator[tuple[str, int]]:
    """Pointer and line of each key that its object already has. The text must be JSON of bounded depth."""
    yield from _duplicates(text, _skip_whitespace(text, 0), "", {})


def _visit(text: str, at: int, pointer: str, wanted: _Wanted, offsets: dict[str, int]) -> None:
    missing = len(wanted)
    for token, key_at, value_at in _members(text, at, {}):
        if (below := wanted.get(token)) is None or (child := f"{pointer}/{token}") in offsets:
            continue
        offsets[child] = key_at
        if below:
            _visit(text, value_at, child, below, offsets)
        missing -= 1
        if not missing:  # checked here, not above: the next member is found only by reading this one
            return


def _duplicates(text: str, at: int, pointer: str, ends: dict[int, int]) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for token, key_at, value_at in _members(text, at, ends):
        child = f"{pointer}/{token}"
        if token in seen:
            yield child, text.count("\n", 0, key_at) + 1
        seen.add(token)
        if text[value_at] in "{[":
            yield from _duplicates(text, value_at, child, ends)


def _members(text: str, at: int, ends: dict[int, int]) -> Iterator[tuple[str, int, int]]:
    """Each member of the container that begins at `at`: its pointer token, where its key and its value begin.

    `ends` has the end of each container that was read, so that no level reads its contents again.
    """
    start, opening = at, text[at]
    if opening not in "{[":
        return
    at = _skip_whitespace(text, at + 1)
    index = 0
    while text[at] not in "}]":
        key_at = at
        token = str(index)
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            token = _token(key)
            at = _skip_whitespace(text, _skip_whitespace(text, at) + 1)  # past the colon
        yield token, key_at, at
        at = _skip_whitespace(text, ends.get(at) or _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _skip_whitespace(text, at + 1)
        index += 1
    ends[start] = at + 1


def _tree(pointers: Iterable[str]) -> _Wanted:
    tree: _Wanted = {}
    for pointer in pointers:
        branch = tree
        for token in pointer.split("/")[1:]:
            branch = branch.setdefault(token, {})
    return tree


def _closest_container(pointer: str, lines: dict[str, int]) -> str:
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return pointer


def _token(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _skip_whitespace(text: str, at: int) -> int:
    whitespace = _WHITESPACE.match(text, at)
    return whitespace.end() if whitespace else at
