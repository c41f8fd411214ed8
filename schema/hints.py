"""Corrections of keys, values and types: what the author of a document probably meant, or an empty string."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .problems import Path
from .suggestions import closest_match, normalized

_SECTIONS = ("command", "paths", "metadata")
_MAX_LENGTH = 200
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_NOT_IN_ID, _NOT_IN_VARIABLE = re.compile(r"[^A-Za-z0-9._:-]+"), re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Vocabulary:
    """The names that a correction may choose from: those of the schema, and the tools."""

    schema: Mapping[str, Any]
    tools: tuple[str, ...]

    def describe(self, rule: Mapping[str, Any]) -> str:
        """What a value may be. Subschemas that need a description for this are in $defs."""
        name = str(rule.get("$ref", "")).rpartition("/")[2]
        rule = self.schema["$defs"].get(name, rule)
        return str(rule.get("description") or rule.get("type") or "another value")

    def is_a(self, name: str, rule: Any) -> bool:
        return bool(rule == self.schema["$defs"][name])

    def retry_words(self) -> list[str]:
        return ["none", "retry_same", *(f"escalate_to_{tool}" for tool in self.tools)]


def suggest_key(key: str, known: Iterable[str], vocabulary: Vocabulary) -> str:
    """A key of the same object, or the path of the key in the section where it belongs."""
    paths = {name: f"{section}.{name}" for section in _SECTIONS for name in _keys_of(section, vocabulary)}
    exact = {normalized(name): name for name in paths}
    if normalized(key) in exact and key not in known:
        return closest_match(key, known, 1.0) or paths[exact[normalized(key)]]
    if match := closest_match(key, known):
        return match
    return paths.get(closest_match(key, paths, 0.85), "")


def suggest_value(value: Any, rule: Any, vocabulary: Vocabulary) -> str:
    """A value that the rule allows and that is spelt similarly."""
    if vocabulary.is_a("retry_words", rule) or vocabulary.is_a("retry_policy", rule):
        return _retry(value, vocabulary)
    if not isinstance(value, str):
        return ""
    if vocabulary.is_a("tool", rule):
        return closest_match(value, vocabulary.tools)
    if vocabulary.is_a("id", rule):
        return _NOT_IN_ID.sub("-", value[:_MAX_LENGTH]).strip("-._:")[:120]
    if vocabulary.is_a("variable", rule):
        return _NOT_IN_VARIABLE.sub("_", value[:_MAX_LENGTH]).lstrip("0123456789")
    return closest_match(value, rule.get("enum", ()))


def suggest_conversion(value: Any, expected: str, path: Path) -> str:
    """The same value converted to the expected type, as JSON."""
    if expected == "object" and path == ("command",):
        return _command(value)
    if not isinstance(value, str | int | float):
        return ""
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    if not text or len(text) > _MAX_LENGTH:
        return ""
    if expected == "boolean":
        return "true" if text.lower() in _YES else "false" if text.lower() in _NO else ""
    if expected in ("number", "integer"):
        return _number(text, expected) if isinstance(value, str | float) else ""
    if expected == "array":
        return json.dumps([value], ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if expected == "string" else ""


def _keys_of(section: str, vocabulary: Vocabulary) -> list[str]:
    return list(vocabulary.schema["properties"][section]["properties"])


def _retry(value: Any, vocabulary: Vocabulary) -> str:
    if value is None or value is False:
        return "none"
    if value is True:
        return "retry_same"
    return closest_match(value, vocabulary.retry_words()) if isinstance(value, str) else ""


def _number(text: str, expected: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return ""
    if not abs(number) < 1e15:  # also NaN
        return ""
    whole = number == int(number)
    return str(int(number)) if whole else "" if expected == "integer" else str(number)


def _command(value: Any) -> str:
    """A command line, or a list of its words, as a command object."""
    try:
        parts = shlex.split(value) if isinstance(value, str) and len(value) <= _MAX_LENGTH else value
    except ValueError:
        return ""
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        return ""
    text = json.dumps({"exe": parts[0], "args": parts[1:]}, ensure_ascii=False)
    return text if len(text) <= _MAX_LENGTH * 2 else ""
