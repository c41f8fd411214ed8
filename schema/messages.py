"""Messages for schema violations: one sentence that names the place, what was found and what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from .hints import Vocabulary, suggest_conversion, suggest_key, suggest_value
from .keywords import unknown_keys
from .problems import Path, Problem, path_text, pointer_to, quantity, truncated, value_text

_MAX_ALLOWED_LENGTH = 120  # a longer list of what is allowed is left out where there is a suggestion
_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object in braces {…}",
    "array": "a list in brackets […]",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """At `path`, `value` breaks the `keyword` of the subschema `rule`, whose value is `bound`."""

    path: Path
    value: Any
    keyword: str
    rule: Mapping[str, Any]
    bound: Any


def violations(error: ValidationError) -> Iterator[Violation]:
    """The violations in an error: one per unknown key; of several allowed forms, those of the intended one."""
    path, rule = tuple(error.absolute_path), error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "anyOf" and (intended := _intended_branch(error)):
        for below in intended:
            yield from violations(below)
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        for key in unknown_keys(error.instance, rule):
            yield Violation((*path, key), error.instance, "additionalProperties", rule, False)
    else:
        keyword = "propertyNames" if "propertyNames" in error.schema_path else str(error.validator)
        yield Violation(path, error.instance, keyword, rule, error.validator_value)


def problem_of(violation: Violation, vocabulary: Vocabulary) -> Problem:
    """The problem, with a suggestion where one is known."""
    return _MESSAGES.get(violation.keyword, _invalid_form)(violation, vocabulary)


def invalid_value(path: Path, value: Any, allowed: str, suggestion: str = "") -> Problem:
    found = value_text(value, private=is_private(path))
    message = f"{path_text(path)} is {found}; expected {allowed}."
    if suggestion:
        start = message if len(allowed) <= _MAX_ALLOWED_LENGTH else f"{path_text(path)} cannot be {found}."
        message = f"{start} Did you mean {suggestion}?"
    return Problem(pointer_to(path), message, found, allowed, suggestion)


def is_private(path: Path) -> bool:
    """Values of the environment may be secrets: a message that is logged and displayed never repeats one."""
    return path[:1] == ("env",) or (path[2:3] == ("escalate_to",) and path[4:5] == ("env",))


def alternatives(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _intended_branch(error: ValidationError) -> list[ValidationError]:
    """The errors of the branch whose type the value has; none if it has the type of no branch."""
    branches: dict[Any, list[ValidationError]] = {}
    for below in error.context or ():
        branches.setdefault(below.schema_path[0], []).append(below)
    fitting = [errors for errors in branches.values() if not any(e.validator == "type" and not e.path for e in errors)]
    return min(fitting, key=len, default=[])


def _unknown_key(violation: Violation, vocabulary: Vocabulary) -> Problem:
    known = list(violation.rule.get("properties", ()))
    holder, key = path_text(violation.path[:-1]), truncated(str(violation.path[-1]))
    suggestion = suggest_key(str(violation.path[-1]), known, vocabulary)
    hint = f"did you mean {suggestion}?" if suggestion else "remove it; custom keys belong in metadata."
    if suggestion in violation.value:
        hint, suggestion = f"remove it; {suggestion} is already present.", ""
    message = f'Unknown key "{key}" in {holder}: {hint}'
    return Problem(pointer_to(violation.path), message, f'the key "{key}"', alternatives(known), suggestion)


def _invalid_key(violation: Violation, vocabulary: Vocabulary) -> Problem:
    holder, name = path_text(violation.path[:-1]), value_text(violation.value)
    allowed = vocabulary.describe(violation.rule)
    suggestion = suggest_value(violation.value, violation.rule, vocabulary)
    hint = f" Did you mean {suggestion}?" if suggestion else ""
    return Problem(pointer_to(violation.path), f"{holder}: {name} is not {allowed}.{hint}", name, allowed, suggestion)


def _missing(violation: Violation, vocabulary: Vocabulary) -> Problem:
    key, holder = str(violation.path[-1]), path_text(violation.path[:-1])
    known = violation.rule.get("properties", {})
    allowed = vocabulary.describe(known.get(key, {}))
    return Problem(
        pointer_to(violation.path), f"{path_text(violation.path)} is missing: {holder} requires it.", "nothing", allowed
    )


def _wrong_type(violation: Violation, vocabulary: Vocabulary) -> Problem:
    expected = str(violation.bound)
    suggestion = "" if is_private(violation.path) else suggest_conversion(violation.value, expected, violation.path)
    return invalid_value(violation.path, violation.value, _TYPES[expected], suggestion)


def _no_branch(violation: Violation, vocabulary: Vocabulary) -> Problem:
    value = violation.value
    suggestion = suggest_value(value, violation.rule, vocabulary)
    if is_private(violation.path) and isinstance(value, bool | int | float):
        suggestion = "the same value in double quotes"
    return invalid_value(violation.path, value, vocabulary.describe(violation.rule), suggestion)


def _not_in_enum(violation: Violation, vocabulary: Vocabulary) -> Problem:
    suggestion = suggest_value(violation.value, violation.rule, vocabulary)
    return invalid_value(violation.path, violation.value, alternatives(violation.bound), suggestion)


def _invalid_form(violation: Violation, vocabulary: Vocabulary) -> Problem:
    suggestion = suggest_value(violation.value, violation.rule, vocabulary)
    return invalid_value(violation.path, violation.value, vocabulary.describe(violation.rule), suggestion)


def _size(one: str, many: str, wording: str) -> Callable[[Violation, Vocabulary], Problem]:
    """For keywords that limit a length or a count."""

    def write(violation: Violation, vocabulary: Vocabulary) -> Problem:
        bound, size = int(violation.bound), len(violation.value)
        allowed = f"{wording} {quantity(bound, one, many)}"
        found = quantity(size, one, many)
        message = f"{path_text(violation.path)} has {found}; expected {allowed}."
        if not size:
            message = f"{path_text(violation.path)} is empty: give it a value or leave it out."
        return Problem(pointer_to(violation.path), message, found, allowed)

    return write


def _bound(wording: str) -> Callable[[Violation, Vocabulary], Problem]:
    def write(violation: Violation, vocabulary: Vocabulary) -> Problem:
        return invalid_value(violation.path, violation.value, f"a number {wording} {violation.bound:,}")

    return write


_MESSAGES: Mapping[str, Callable[[Violation, Vocabulary], Problem]] = {
    "additionalProperties": _unknown_key,
    "propertyNames": _invalid_key,
    "required": _missing,
    "type": _wrong_type,
    "anyOf": _no_branch,
    "enum": _not_in_enum,
    "minLength": _size("character", "characters", "at least"),
    "maxLength": _size("character", "characters", "at most"),
    "minItems": _size("entry", "entries", "at least"),
    "maxItems": _size("entry", "entries", "at most"),
    "minProperties": _size("key", "keys", "at least"),
    "maxProperties": _size("key", "keys", "at most"),
    "minimum": _bound("of at least"),
    "maximum": _bound("of at most"),
    "exclusiveMinimum": _bound("above"),
}
