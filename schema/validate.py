"""All that is wrong with a job document, at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain, islice
from typing import Any

from jsonschema.protocols import Validator

from .beyond import beyond_schema, doubtful
from .files import examples, load_schema
from .hints import Words
from .keywords import JobValidator
from .limits import DOCUMENT_BYTES, PROBLEMS_SHOWN
from .locate import located
from .parse import decoded, too_large
from .plain import unreadable
from .problems import Problem, Report, capped
from .sentences import problem_of, slips


def check(document: Any, *, tools: Iterable[str] | None = None, source: str | bytes | None = None) -> Report:
    """Every problem of `document`; never raises.

    `tools` are the names that may stand in `tool` and be escalated to; without them any well-formed name will do.
    With `source`, the text that the document was read from, each problem has its line.
    """
    text = None if source is None else decoded(source)
    if problems := capped(unreadable(document)) or _too_large(document):
        return Report(located(problems, text), [])
    names = None if tools is None else tuple(tools)
    problems = capped(*_problems(document, names))
    warnings = capped(doubtful(document, tuple(_schema()["properties"]["metadata"]["properties"])))
    return Report(located(problems, text), located(warnings, text))


def _problems(document: Any, names: tuple[str, ...] | None) -> tuple[Iterator[Problem], int]:
    """The problems worth writing down, and how many more the schema has."""
    words = Words(_schema(), _usual_tools() if names is None else names)
    found = [slip for error in _validator().iter_errors(document) for slip in slips(error)]
    told = (problem_of(slip, words) for slip in islice(found, PROBLEMS_SHOWN))
    return chain(told, beyond_schema(document, names)), max(0, len(found) - PROBLEMS_SHOWN)


def _too_large(document: Any) -> list[Problem]:
    size = len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    return [too_large(size)] if size > DOCUMENT_BYTES else []


@cache
def _schema() -> dict[str, Any]:
    return load_schema()


@cache
def _validator() -> Validator:
    return JobValidator(_schema())


@cache
def _usual_tools() -> tuple[str, ...]:
    return tuple(examples())
