"""Parser of job documents: bytes or text become a document or a list of problems; never raises."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from itertools import chain
from typing import Any

from .json_types import nesting_problem, unsupported_values
from .limits import DOCUMENT_BYTES, NESTING, NUMBER_BITS
from .problems import Problem, first_problems, truncated
from .source_positions import duplicate_keys, with_lines
from .syntax import syntax_problem

# Strings are matched whole, so that brackets inside them do not count; possessive, so that no text is read twice.
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_DIGITS = NUMBER_BITS * 301 // 1000  # of a number of NUMBER_BITS bits


def parse(raw: str | bytes) -> tuple[Any, list[Problem]]:
    """The document and no problem, or None and at least one."""
    text, problem = _text_of(raw)
    problem = problem or _too_deeply_nested(text)
    if problem:
        return None, [problem]
    repeated = False

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        members = dict(pairs)
        repeated = repeated or len(members) < len(pairs)
        return members

    try:
        document = json.loads(text, object_pairs_hook=collect, parse_int=_parse_integer)
    except json.JSONDecodeError as error:
        return None, [syntax_problem(text, error)]
    duplicates = (_duplicate_key(pointer, line) for pointer, line in duplicate_keys(text)) if repeated else ()
    problems = with_lines(first_problems(chain(duplicates, unsupported_values(document))), text)
    return (None, problems) if problems else (document, [])


def decode_text(raw: str | bytes) -> str:
    """The text as `parse` reads it, for line numbers; bytes that are not UTF-8 become replacement characters."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def size_problem(size: int) -> Problem:
    message = "The document is larger than 1 MB: move long text to files in the repository."
    return Problem("", message, f"{size:,} bytes", f"at most {DOCUMENT_BYTES:,} bytes")


def _text_of(raw: str | bytes) -> tuple[str, Problem | None]:
    if (size := _size(raw)) > DOCUMENT_BYTES:
        return "", size_problem(size)
    if isinstance(raw, bytes) and (problem := _not_utf8(raw)):
        return "", problem
    text = decode_text(raw)
    if "\0" in text:
        message = "The document contains a NUL byte, so it is not text: save it as UTF-8 without NUL bytes."
        return "", Problem("", message, "a NUL byte", "UTF-8 text", line=text.count("\n", 0, text.index("\0")) + 1)
    return text, None


def _size(raw: str | bytes) -> int:
    if isinstance(raw, bytes) or len(raw) > DOCUMENT_BYTES:
        return len(raw)
    return len(raw.encode("utf-8", "surrogatepass"))


def _not_utf8(raw: bytes) -> Problem | None:
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return Problem("", "The document is UTF-16: save it as UTF-8.", "UTF-16", "UTF-8", line=1)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        message = f"Byte {error.start + 1:,} is not valid UTF-8: save the document as UTF-8."
        line = raw.count(b"\n", 0, error.start) + 1
        return Problem("", message, f"byte 0x{raw[error.start]:02x}", "UTF-8", line=line)
    return None


def _too_deeply_nested(text: str) -> Problem | None:
    if text.count("[") + text.count("{") <= NESTING:
        return None
    level = 0
    for match in _BRACKETS.finditer(text):
        mark = match[0]
        if mark in "[{":
            level += 1
            if level > NESTING:
                return nesting_problem("", line=text.count("\n", 0, match.start()) + 1)
        elif mark in "]}":
            level -= 1
    return None


def _parse_integer(digits: str) -> int | float:
    # A longer one would cost quadratic time, or raise; infinity is reported with the other unsupported numbers.
    return int(digits) if len(digits) <= _DIGITS else float("inf")


def _duplicate_key(pointer: str, line: int) -> Problem:
    key = pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    message = f'Duplicate key "{truncated(key)}": keep one of the two.'
    return Problem(pointer, message, "the same key again", "each key once in its object", line=line)
