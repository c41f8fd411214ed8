"""What is wrong with a document, where, and what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from .limits import PROBLEMS_SHOWN

type Path = tuple[str | int, ...]

_SHOWN_CHARACTERS = 60
_KEY_CHARACTERS = 200
_COUNTED = 1_000  # a refusal is no census: beyond it the number says no more


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


def spoken(path: Path) -> str:
    """A path as people write it: `command.args[3]`."""
    words = ""
    for step in path:
        if isinstance(step, int):
            words += f"[{step}]"
        else:
            words += f".{shortened(step)}" if words else shortened(step)
    return words or "the document"


def shortened(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    return text if len(text) <= limit else text[:limit] + "…"


def shown(value: Any, *, private: bool = False) -> str:
    """A value in a few words; of a private one only its kind. Containers are never spelt out: they may hold secrets."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            if private or len(value) > _SHOWN_CHARACTERS:
                return f"text of {counted(len(value), 'character')}"
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return f"an object with {counted(len(value), 'key')}"
        case list():
            return f"a list of {counted(len(value), 'entry', 'entries')}"
        case int() | float():
            return "a number" if private else shortened(json.dumps(value))
    return f"a Python {type(value).__name__}"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def said(problem: Problem) -> Problem:
    """The problem in one line of harmless text, however odd the document's keys are; the pointer stays exact."""
    pointer = "/".join(shortened(step, _KEY_CHARACTERS) for step in problem.pointer.split("/"))
    return replace(
        problem,
        pointer=pointer.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode(),
        message=_printable(re.sub("^the document", "The document", problem.message)),
        found=_printable(problem.found),
        allowed=_printable(problem.allowed),
        suggestion=_printable(problem.suggestion),
    )


def _printable(text: str) -> str:
    """Control characters would reach terminals, bidirectional ones mislead readers, half ones cannot be stored."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def capped(problems: Iterable[Problem], left_out: int = 0) -> list[Problem]:
    """The first problems, and one more that says how many there are besides; `left_out` were never written down."""
    rest = iter(problems)
    kept = list(islice(rest, PROBLEMS_SHOWN))
    left_out += sum(1 for _ in islice(rest, _COUNTED))
    if left_out:
        number = f"{_COUNTED:,} or more" if left_out >= _COUNTED else f"{left_out:,} more"
        kept.append(Problem("", f"And {number} {'problem' if left_out == 1 else 'problems'}: mend these first."))
    return kept
