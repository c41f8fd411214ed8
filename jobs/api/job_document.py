"""The job document's JSON Schema as components of the OpenAPI document."""

from typing import Any

NAME = "JobDocument"
_PREFIX, _HERE = "#/$defs/", "#/components/schemas/"


def components(whole: dict[str, Any]) -> dict[str, Any]:
    """The schema and its definitions, each under a name of its own; references lead to those names.

    `$id` and `$schema` go: with them a reference would be looked for in another document.
    """
    definitions = whole.pop("$defs", {})
    main = {key: value for key, value in whole.items() if key not in ("$id", "$schema")}
    found = {NAME: main, **{_name(name): value for name, value in definitions.items()}}
    return {name: _pointed(value) for name, value in found.items()}


def _name(definition: str) -> str:
    return f"{NAME}_{definition}"


def _pointed(node: Any) -> Any:
    if isinstance(node, list):
        return [_pointed(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _HERE + _name(value.removeprefix(_PREFIX)) if key == "$ref" else _pointed(value)
        for key, value in node.items()
    }
