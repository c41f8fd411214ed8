"""Validation of job documents: every problem at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain, islice
from typing import Any

from jsonschema.protocols import Validator

from .files import examples, load_schema
from .hints import Vocabulary
from .json_types import unsupported_values
from .keywords import JobValidator
from .limits import DOCUMENT_BYTES, MAX_PROBLEMS
from .messages import problem_of, violations
from .parse import decode_text, size_problem
from .problems import Problem, Report, first_problems
from .semantic_checks import semantic_problems, semantic_warnings
from .source_positions import with_lines


def check(document: Any, *, tools: Iterable[str] | None = None, source: str | bytes | None = None) -> Report:
    """Every problem of `document`; never raises.

    `tools` are the known names, for `tool` and for escalation; without them any well-formed name is accepted.
    With `source`, the text that the document was read from, each problem has its line.
    """
    text = None if source is None else decode_text(source)
    if problems := first_problems(unsupported_values(document)) or _too_large(document):
        return Report(with_lines(problems, text), [])
    names = None if tools is None else tuple(tools)
    problems = first_problems(*_problems(document, names))
    warnings = first_problems(semantic_warnings(document, tuple(_schema()["properties"]["metadata"]["properties"])))
    return Report(with_lines(problems, text), with_lines(warnings, text))


def _problems(document: Any, names: tuple[str, ...] | None) -> tuple[Iterator[Problem], int]:
    """The problems to report, and how many more violations of the schema there are."""
    vocabulary = Vocabulary(_schema(), _tools_of_examples() if names is None else names)
    found = [violation for error in _validator().iter_errors(document) for violation in violations(error)]
    reported = (problem_of(violation, vocabulary) for violation in islice(found, MAX_PROBLEMS))
    return chain(reported, semantic_problems(document, names)), max(0, len(found) - MAX_PROBLEMS)


def _too_large(document: Any) -> list[Problem]:
    size = len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    return [size_problem(size)] if size > DOCUMENT_BYTES else []


@cache
def _schema() -> dict[str, Any]:
    return load_schema()


@cache
def _validator() -> Validator:
    return JobValidator(_schema())


@cache
def _tools_of_examples() -> tuple[str, ...]:
    return tuple(examples())
