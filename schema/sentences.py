"""From a validator's error to one sentence for people: the thing, what it is, and the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from .hints import Words, for_key, for_text, for_type
from .keywords import unknown_keys
from .problems import Path, Problem, counted, pointer_to, shortened, shown, spoken

_READABLE = 120  # a longer list of what is allowed gives way to the suggestion
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
class Slip:
    """One thing to tell: at `path`, `value` breaks the `keyword` of `rule`, which says `bound`."""

    path: Path
    value: Any
    keyword: str
    rule: Mapping[str, Any]
    bound: Any


def slips(error: ValidationError) -> Iterator[Slip]:
    """What an error comes down to: each unknown key by itself; of several allowed forms, the one that was meant."""
    path, rule = tuple(error.absolute_path), error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "anyOf" and (meant := _meant(error)):
        for below in meant:
            yield from slips(below)
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        for key in unknown_keys(error.instance, rule):
            yield Slip((*path, key), error.instance, "additionalProperties", rule, False)
    else:
        keyword = "propertyNames" if "propertyNames" in error.schema_path else str(error.validator)
        yield Slip(path, error.instance, keyword, rule, error.validator_value)


def problem_of(slip: Slip, words: Words) -> Problem:
    return _WRITERS.get(slip.keyword, _wrong_form)(slip, words)


def refusal(path: Path, value: Any, allowed: str, suggestion: str = "") -> Problem:
    found = shown(value, private=is_private(path))
    message = f"{spoken(path)} is {found}; it takes {allowed}."
    if suggestion:
        begin = message if len(allowed) <= _READABLE else f"{spoken(path)} cannot be {found}."
        message = f"{begin} Did you mean {suggestion}?"
    return Problem(pointer_to(path), message, found, allowed, suggestion)


def is_private(path: Path) -> bool:
    """Values of the environment may be secrets: a message that is logged and shown never repeats one."""
    return path[:1] == ("env",)


def listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _meant(error: ValidationError) -> list[ValidationError]:
    """The errors of the branch whose type the value has; none if it has the type of no branch."""
    branches: dict[Any, list[ValidationError]] = {}
    for below in error.context or ():
        branches.setdefault(below.schema_path[0], []).append(below)
    fitting = [errors for errors in branches.values() if not any(e.validator == "type" and not e.path for e in errors)]
    return min(fitting, key=len, default=[])


def _unknown_key(slip: Slip, words: Words) -> Problem:
    known = list(slip.rule.get("properties", ()))
    holder, key = spoken(slip.path[:-1]), shortened(str(slip.path[-1]))
    suggestion = for_key(str(slip.path[-1]), known, words)
    hint = f"did you mean {suggestion}?" if suggestion else "remove it; keys of your own belong in metadata."
    if suggestion in slip.value:
        hint, suggestion = f"remove it, as {suggestion} is there already.", ""
    message = f'{holder} has no key "{key}": {hint}'
    return Problem(pointer_to(slip.path), message, f'the key "{key}"', listed(known), suggestion)


def _bad_name(slip: Slip, words: Words) -> Problem:
    holder, name = spoken(slip.path[:-1]), shown(slip.value)
    allowed = words.form(slip.rule)
    suggestion = for_text(slip.value, slip.rule, words)
    hint = f" Did you mean {suggestion}?" if suggestion else ""
    return Problem(pointer_to(slip.path), f"{holder}: {name} is not {allowed}.{hint}", name, allowed, suggestion)


def _missing(slip: Slip, words: Words) -> Problem:
    key, holder = str(slip.path[-1]), spoken(slip.path[:-1])
    known = slip.rule.get("properties", {})
    allowed = words.form(known.get(key, {}))
    return Problem(pointer_to(slip.path), f"{spoken(slip.path)} is missing: {holder} needs it.", "nothing", allowed)


def _wrong_type(slip: Slip, words: Words) -> Problem:
    expected = str(slip.bound)
    suggestion = "" if is_private(slip.path) else for_type(slip.value, expected, slip.path)
    return refusal(slip.path, slip.value, _TYPES[expected], suggestion)


def _none_of(slip: Slip, words: Words) -> Problem:
    value = slip.value
    suggestion = for_text(value, slip.rule, words)
    if is_private(slip.path) and isinstance(value, bool | int | float):
        suggestion = "the same in double quotes"
    return refusal(slip.path, value, words.form(slip.rule), suggestion)


def _not_listed(slip: Slip, words: Words) -> Problem:
    suggestion = for_text(slip.value, slip.rule, words)
    return refusal(slip.path, slip.value, listed(slip.bound), suggestion)


def _wrong_form(slip: Slip, words: Words) -> Problem:
    suggestion = for_text(slip.value, slip.rule, words)
    return refusal(slip.path, slip.value, words.form(slip.rule), suggestion)


def _size(one: str, many: str, wording: str) -> Callable[[Slip, Words], Problem]:
    """For keywords that bound how many of something there are."""

    def write(slip: Slip, words: Words) -> Problem:
        bound, size = int(slip.bound), len(slip.value)
        allowed = f"{wording} {counted(bound, one, many)}"
        found = counted(size, one, many)
        message = f"{spoken(slip.path)} has {found}; it takes {allowed}."
        if not size:
            message = f"{spoken(slip.path)} is empty: fill it or leave it out."
        return Problem(pointer_to(slip.path), message, found, allowed)

    return write


def _bound(wording: str) -> Callable[[Slip, Words], Problem]:
    def write(slip: Slip, words: Words) -> Problem:
        return refusal(slip.path, slip.value, f"a number {wording} {slip.bound:,}")

    return write


_WRITERS: Mapping[str, Callable[[Slip, Words], Problem]] = {
    "additionalProperties": _unknown_key,
    "propertyNames": _bad_name,
    "required": _missing,
    "type": _wrong_type,
    "anyOf": _none_of,
    "enum": _not_listed,
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
