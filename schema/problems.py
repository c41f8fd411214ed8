"""Problems of a document: what is wrong, where, and what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from .limits import MAX_PROBLEMS

type Path = tuple[str | int, ...]

_MAX_VALUE_CHARACTERS = 60
_MAX_KEY_CHARACTERS = 200
_MAX_COUNTED = 1_000  # a larger number would not tell the reader more, and counting costs time


@dataclass(frozen=True, slots=True)
class Problem:
    """`pointer` (RFC 6901) may name a key that is missing; `suggestion` is what to write instead, or empty."""

    pointer: str
    message: str
    found: str = ""
    allowed: str = ""
    suggestion: str = ""
    line: int | None = None

    def as_dict(self) -> dict[str, str | int | None]:
        return asdict(self)

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class Report:
    """Problems refuse a document; warnings do not."""

    problems: list[Problem]
    warnings: list[Problem]

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "problems": [problem.as_dict() for problem in self.problems],
            "warnings": [warning.as_dict() for warning in self.warnings],
        }


def pointer_to(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def path_text(path: Path) -> str:
    """A path as it is usually written: `command.args[3]`."""
    words = ""
    for step in path:
        if isinstance(step, int):
            words += f"[{step}]"
        else:
            words += f".{truncated(step)}" if words else truncated(step)
    return words or "the document"


def truncated(text: str, limit: int = _MAX_VALUE_CHARACTERS) -> str:
    return text if len(text) <= limit else text[:limit] + "…"


def value_text(value: Any, *, private: bool = False) -> str:
    """A value in a few words; of a private one only its type. The contents of containers are left out: they may be secrets."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            if private or len(value) > _MAX_VALUE_CHARACTERS:
                return f"text of {quantity(len(value), 'character')}"
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return f"an object with {quantity(len(value), 'key')}"
        case list():
            return f"a list of {quantity(len(value), 'entry', 'entries')}"
        case int() | float():
            return "a number" if private else truncated(json.dumps(value))
    return f"a Python {type(value).__name__}"


def quantity(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sanitized(problem: Problem) -> Problem:
    """The problem in printable text of one line, whatever the document's keys contain; a long key is cut in the pointer too."""
    pointer = "/".join(truncated(step, _MAX_KEY_CHARACTERS) for step in problem.pointer.split("/"))
    return replace(
        problem,
        pointer=pointer.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode(),
        message=_printable(re.sub("^the document", "The document", problem.message)),
        found=_printable(problem.found),
        allowed=_printable(problem.allowed),
        suggestion=_printable(problem.suggestion),
    )


def _printable(text: str) -> str:
    """Control characters would reach terminals, bidirectional ones mislead readers, surrogates cannot be stored."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def first_problems(problems: Iterable[Problem], left_out: int = 0) -> list[Problem]:
    """The first MAX_PROBLEMS, and one more that counts the rest; `left_out` are further ones not in `problems`."""
    remaining = iter(problems)
    first = list(islice(remaining, MAX_PROBLEMS))
    left_out += sum(1 for _ in islice(remaining, _MAX_COUNTED))
    if left_out:
        number = f"{_MAX_COUNTED:,} or more" if left_out >= _MAX_COUNTED else f"{left_out:,} more"
        first.append(Problem("", f"And {number} {'problem' if left_out == 1 else 'problems'}: fix these first."))
    return first
