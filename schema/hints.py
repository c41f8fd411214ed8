"""What to write instead: for a key, a word or a value of the wrong type that somebody probably meant well."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .near import nearest, squashed
from .problems import Path

_SECTIONS = ("command", "paths", "metadata")
_LONGEST = 200
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_NOT_IN_ID, _NOT_IN_VARIABLE = re.compile(r"[^A-Za-z0-9._:-]+"), re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Words:
    """What a suggestion may choose from."""

    schema: Mapping[str, Any]
    tools: tuple[str, ...]

    def form(self, rule: Mapping[str, Any]) -> str:
        """What a value may look like. Rules that need words for it stand in $defs and describe exactly that."""
        name = str(rule.get("$ref", "")).rpartition("/")[2]
        rule = self.schema["$defs"].get(name, rule)
        return str(rule.get("description") or rule.get("type") or "another value")

    def is_a(self, name: str, rule: Any) -> bool:
        return bool(rule == self.schema["$defs"][name])

    def retry_words(self) -> list[str]:
        return ["none", "retry_same", *(f"escalate_to_{tool}" for tool in self.tools)]


def for_key(key: str, known: Iterable[str], words: Words) -> str:
    """A key of the same object, or the place in another object where the key belongs."""
    homes = {name: f"{section}.{name}" for section in _SECTIONS for name in _keys_of(section, words)}
    exact = {squashed(name): name for name in homes}
    if squashed(key) in exact and key not in known:
        home = homes[exact[squashed(key)]]
        return nearest(key, known, 1.0) or home
    if near := nearest(key, known):
        return near
    return homes.get(nearest(key, homes, 0.85), "")


def for_text(value: Any, rule: Any, words: Words) -> str:
    """A value that the rule allows and that is written much like this one."""
    if words.is_a("retry_words", rule) or words.is_a("retry_policy", rule):
        return _retry(value, words)
    if not isinstance(value, str):
        return ""
    if words.is_a("tool", rule):
        return nearest(value, words.tools)
    if words.is_a("id", rule):
        return _NOT_IN_ID.sub("-", value[:_LONGEST]).strip("-._:")[:120]
    if words.is_a("variable", rule):
        return _NOT_IN_VARIABLE.sub("_", value[:_LONGEST]).lstrip("0123456789")
    return nearest(value, rule.get("enum", ()))


def for_type(value: Any, expected: str, path: Path) -> str:
    """The same value in the type that is expected, as JSON."""
    if expected == "object" and path == ("command",):
        return _command(value)
    if not isinstance(value, str | int | float):
        return ""
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    if not text or len(text) > _LONGEST:
        return ""
    if expected == "boolean":
        return "true" if text.lower() in _YES else "false" if text.lower() in _NO else ""
    if expected in ("number", "integer"):
        return _number(text, expected) if isinstance(value, str | float) else ""
    if expected == "array":
        return json.dumps([value], ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if expected == "string" else ""


def _keys_of(section: str, words: Words) -> list[str]:
    return list(words.schema["properties"][section]["properties"])


def _retry(value: Any, words: Words) -> str:
    if value is None or value is False:
        return "none"
    if value is True:
        return "retry_same"
    return nearest(value, words.retry_words()) if isinstance(value, str) else ""


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
    """A command line, or a list of its words, as Engine wants it."""
    try:
        parts = shlex.split(value) if isinstance(value, str) and len(value) <= _LONGEST else value
    except ValueError:
        return ""
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        return ""
    text = json.dumps({"exe": parts[0], "args": parts[1:]}, ensure_ascii=False)
    return text if len(text) <= _LONGEST * 2 else ""
