"""JSON Schema keywords: draft 2020-12 of the `jsonschema` library, with bounded work and a path to each error.

Five keywords differ from the library's in how many entries they examine and where they point, not in what they accept;
but `$` in a pattern matches only at the end, as in JSON Schema, and not also before a final line break, as in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

type _Errors = Iterator[ValidationError]
type _Schema = Mapping[str, Any]


def _items(validator: Any, items: _Schema, instance: Any, schema: _Schema) -> _Errors:
    """Entries beyond the limit of a list are not examined: the list is too long, which is an error of its own."""
    if isinstance(instance, list):
        for index, entry in enumerate(islice(instance, schema.get("maxItems"))):
            yield from validator.descend(entry, items, path=index)


def _additional_properties(validator: Any, rule: _Schema | bool, instance: Any, schema: _Schema) -> _Errors:
    if not isinstance(instance, dict):
        return
    extras = unknown_keys(instance, schema)
    if rule is False and extras:
        yield ValidationError("unknown keys")
    elif isinstance(rule, Mapping):
        for key in extras[: schema.get("maxProperties")]:
            yield from validator.descend(instance[key], rule, path=key)


def _property_names(validator: Any, rule: _Schema, instance: Any, schema: _Schema) -> _Errors:
    if isinstance(instance, dict):
        for key in islice(instance, schema.get("maxProperties")):
            yield from validator.descend(key, rule, path=key)


def _required(validator: Any, keys: list[str], instance: Any, schema: _Schema) -> _Errors:
    if isinstance(instance, dict):
        for key in keys:
            if key not in instance:
                yield ValidationError("missing", path=(key,))


def _pattern(validator: Any, pattern: str, instance: Any, schema: _Schema) -> _Errors:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("no match")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


def unknown_keys(instance: Mapping[str, Any], schema: _Schema) -> list[str]:
    known = schema.get("properties", {})
    return [key for key in instance if key not in known]


# The stub of `extend` has no types for the keywords.
JobValidator: type[Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "items": _items,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
        "required": _required,
        "pattern": _pattern,
    },
)
