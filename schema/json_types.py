"""JSON types: what a document from a program holds that JSON, a database or a process cannot store."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from .limits import DOCUMENT_BYTES, NESTING, NUMBER_BITS
from .problems import Path, Problem, path_text, pointer_to, quantity, truncated, value_text

_JSON_TYPES = "text, a number, true, false, null, a list or an object"

# A linked list from a value up to the root: no path is built until there is a problem to report.
type _Trail = tuple[_Trail, str | int] | None


def unsupported_values(document: Any) -> Iterator[Problem]:
    """One problem for each unsupported value. Every other check relies on a document without any."""
    waiting: list[tuple[Any, _Trail, int]] = [(document, None, 1)]
    seen = 0
    while waiting:
        value, trail, level = waiting.pop()
        members = _members(value)
        seen += len(members)
        if level > NESTING:
            yield nesting_problem(pointer_to(_path(trail)))
            continue
        if seen > DOCUMENT_BYTES:  # each value takes a byte at least
            yield Problem("", "The document is larger than 1 MB.", "more than a million values", "at most 1 MB")
            return
        is_object = isinstance(value, dict)
        for step, member in members:
            if is_object and (not isinstance(step, str) or _text_fault(step)):
                yield _unsupported_key(trail, step)
            elif isinstance(member, dict | list):
                waiting.append((member, (trail, step), level + 1))
            elif member is not None and (fault := _fault(member)):
                yield _unsupported((trail, step), member, *fault)
    if not isinstance(document, dict | list) and (fault := _fault(document)):
        yield _unsupported(None, document, *fault)


def _members(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _fault(value: Any) -> tuple[str, str] | None:
    """What is wrong with a value that is not a container, and what is allowed."""
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, float):
        return None if math.isfinite(value) else ("is not a number that JSON can represent", "a finite number or text")
    if isinstance(value, int):
        return None if value.bit_length() <= NUMBER_BITS else ("is too large a number", "a smaller number or text")
    return None if value is None else ("is not a JSON value", _JSON_TYPES)


def _text_fault(text: str) -> tuple[str, str] | None:
    if "\0" in text:
        return "contains a NUL character", "text without \\u0000"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "contains a lone surrogate (half of a character)", "whole characters"
    return None


def _unsupported(trail: _Trail, value: Any, fault: str, allowed: str) -> Problem:
    path = _path(trail)
    found = "a number beyond 1e308" if "large" in fault else value_text(value, private="env" in path[:1])
    return Problem(pointer_to(path), f"{path_text(path)} {fault}; expected {allowed}.", found, allowed)


def _unsupported_key(trail: _Trail, key: Any) -> Problem:
    path = _path(trail)
    fault = _text_fault(key) if isinstance(key, str) else ("is not text", "text")
    wrong, allowed = fault or ("", "")
    found = truncated(json.dumps(key)) if isinstance(key, str) else f"a Python {type(key).__name__}"
    return Problem(pointer_to(path), f"A key of {path_text(path)} {wrong}; rename it.", found, allowed)


def nesting_problem(pointer: str, line: int | None = None) -> Problem:
    allowed = f"at most {quantity(NESTING, 'level')}"
    message = f"Lists and objects are nested too deeply: {allowed}."
    return Problem(pointer, message, f"level {NESTING + 1}", allowed, line=line)


def _path(trail: _Trail) -> Path:
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))
