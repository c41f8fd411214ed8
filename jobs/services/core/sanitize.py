"""Sanitizing of text from tools and repositories: PostgreSQL takes no NUL, JSON no NaN, UTF-8 no half character."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.verdict import Verdict

_JOINERS = "\u200c\u200d"
_UNFIT = re.compile("[\0\ud800-\udfff]")


def text(value: str) -> str:
    """`value` with a mark in place of each character that cannot be kept."""
    return _UNFIT.sub("\ufffd", value)


def visible(value: str) -> str:
    """`value` with the code of each character that a terminal would act on, or that would turn the text around.

    What joins letters and pictures is left: scripts and emoji need it.
    """
    return "".join(c if c.isprintable() or c in _JOINERS else f"\\u{ord(c):04x}" for c in value)


def storable(value: Any) -> Any:
    """A JSON value that says the same; what is no JSON becomes its text."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {text(str(key)): storable(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(member) for member in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, int) else text(str(value))


def fit(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        summary=text(verdict.summary),
        rule=text(verdict.rule),
        evidence=tuple(text(str(quote)) for quote in verdict.evidence),
        reset_at=storable(verdict.reset_at),
        usage=storable(verdict.usage),
        details=storable(verdict.details),
    )
