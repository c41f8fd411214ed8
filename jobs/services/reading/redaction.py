"""A job document as it may be shown."""

from typing import Any

from adapters.environment import SECRET_NAME

MASK = "••••••"


def shown_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The document with masked values where a variable's name says that it holds a secret."""
    env = spec.get("env")
    if not isinstance(env, dict):
        return spec
    shown = {
        name: MASK if isinstance(value, str) and value and SECRET_NAME.search(name) else value
        for name, value in env.items()
    }
    return {**spec, "env": shown}
