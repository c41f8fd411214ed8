"""Is a Python value a JSON document at all? It may come from a program and not from `parse`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from .limits import DOCUMENT_BYTES, NESTING, NUMBER_BITS
from .problems import Path, Problem, counted, pointer_to, shortened, shown, spoken

_KINDS = "text, a number, true, false, null, a list or an object"

# A linked list from a value up to the root: building a path costs nothing until there is a problem to tell.
type _Trail = tuple[_Trail, str | int] | None


def unreadable(document: Any) -> Iterator[Problem]:
    """Everything that JSON, a database or a process cannot hold. Nothing else may look at a document before this."""
    waiting: list[tuple[Any, _Trail, int]] = [(document, None, 1)]
    seen = 0
    while waiting:
        value, trail, level = waiting.pop()
        members = _members(value)
        seen += len(members)
        if level > NESTING:
            yield too_deep(pointer_to(_path(trail)))
            continue
        if seen > DOCUMENT_BYTES:  # each value takes a byte at least
            yield Problem("", "The document is larger than 1 MB.", "more than a million values", "at most 1 MB")
            return
        of_text = isinstance(value, dict)
        for step, member in members:
            if of_text and (not isinstance(step, str) or _text_fault(step)):
                yield _bad_key(trail, step)
            elif isinstance(member, dict | list):
                waiting.append((member, (trail, step), level + 1))
            elif member is not None and (fault := _fault(member)):
                yield _refused((trail, step), member, *fault)
    if not isinstance(document, dict | list) and (fault := _fault(document)):
        yield _refused(None, document, *fault)


def _members(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _fault(value: Any) -> tuple[str, str] | None:
    """What is wrong with a value that holds no other, and the way out."""
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, float):
        return None if math.isfinite(value) else ("is no number that JSON can hold", "a finite number, or text")
    if isinstance(value, int):
        return None if value.bit_length() <= NUMBER_BITS else ("is too large a number", "a smaller number, or text")
    return (
        None
        if value is None
        else ("is nothing that JSON can hold", "text, a number, true, false, null, a list or an object")
    )


def _text_fault(text: str) -> tuple[str, str] | None:
    if "\0" in text:
        return "holds a NUL character", "text without \\u0000"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate)", "whole characters"
    return None


def _refused(trail: _Trail, value: Any, fault: str, allowed: str) -> Problem:
    path = _path(trail)
    found = "a number beyond 1e308" if "large" in fault else shown(value, private="env" in path[:1])
    return Problem(pointer_to(path), f"{spoken(path)} {fault}; it takes {allowed}.", found, allowed)


def _bad_key(trail: _Trail, key: Any) -> Problem:
    path = _path(trail)
    fault = _text_fault(key) if isinstance(key, str) else ("is not text", "text")
    wrong, allowed = fault or ("", "")
    found = shortened(json.dumps(key)) if isinstance(key, str) else f"a Python {type(key).__name__}"
    return Problem(pointer_to(path), f"A key of {spoken(path)} {wrong}; rename it.", found, allowed)


def too_deep(pointer: str, line: int | None = None) -> Problem:
    allowed = f"at most {counted(NESTING, 'level')}"
    message = f"Lists and objects are nested too deeply: {allowed}."
    return Problem(pointer, message, f"level {NESTING + 1}", allowed, line=line)


def _path(trail: _Trail) -> Path:
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))
