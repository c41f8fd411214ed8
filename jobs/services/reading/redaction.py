"""Redaction: which values of a job's environment are shown, for page, API, admin and command."""

from collections.abc import Collection, Mapping
from typing import Any

from adapters.environment import SECRET_NAME, matches
from schema.limits import HIDDEN
from schema.options import JobOptions

# Variables that say how a program talks, not to whom.
HARMLESS = (
    "CI",
    "COLUMNS",
    "FORCE_COLOR",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LINES",
    "NODE_ENV",
    "NO_COLOR",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "RUST_BACKTRACE",
    "TERM",
    "TZ",
)


def shown_document(document: dict[str, Any]) -> dict[str, Any]:
    """The document as everybody who sees the job may see it.

    A value of any `env` in it is hidden unless `metadata.public_env` names the variable or it is harmless by name. What
    is named like a secret is always hidden. Names of variables and of stored secrets are shown.
    """
    public = frozenset(map(str, JobOptions.from_document(document).public_env))
    shown: dict[str, Any] = _without_values(document, public)
    return shown


def _without_values(part: Any, public: Collection[str]) -> Any:
    if isinstance(part, list):
        return [_without_values(item, public) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _shown_env(value, public) if key == "env" and isinstance(value, dict) else _without_values(value, public)
        for key, value in part.items()
    }


def _shown_env(env: Mapping[str, Any], public: Collection[str]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, dict) or _is_public(name, public) else HIDDEN for name, value in env.items()
    }


def _is_public(name: str, public: Collection[str]) -> bool:
    return not SECRET_NAME.search(name) and (name in public or matches(name, HARMLESS))


def without_values(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the start of another one: of its environment only the names of stored secrets stay."""
    started: dict[str, Any] = _only_secrets(document)
    return started


def _only_secrets(part: Any) -> Any:
    """An `env` anywhere in it keeps the names of stored secrets, and goes if none is left."""
    if isinstance(part, list):
        return [_only_secrets(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    kept = {key: _only_secrets(value) for key, value in part.items() if key != "env"}
    env = part.get("env")
    secrets = {name: value for name, value in env.items() if isinstance(value, dict)} if isinstance(env, dict) else {}
    return {**kept, "env": secrets} if secrets else kept
