"""Package data: the JSON Schema and one example document per tool."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

_EXAMPLE = "_job.example.json"


def load_schema() -> dict[str, Any]:
    """A copy of job.schema.json: the caller may change it."""
    schema: dict[str, Any] = json.loads(_texts()["job.schema.json"])
    return schema


def examples() -> dict[str, dict[str, Any]]:
    """A copy of each example document, by the name of its tool."""
    return {tool: json.loads(text) for tool, text in example_texts().items()}


def example_texts() -> dict[str, str]:
    """The text of each example document, by the name of its tool."""
    return {name.removesuffix(_EXAMPLE): text for name, text in _texts().items() if name.endswith(_EXAMPLE)}


@cache
def _texts() -> dict[str, str]:
    folder = files(__package__) / "jobs"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {entry.name: entry.read_text("utf-8") for entry in entries if entry.name.endswith(".json")}
