"""The options of a job: the keys of a document's `metadata` that Engine reads, with their defaults and units.

They are read here alone; the JSON schema tells users the same names and defaults, compared by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a document asks of Engine. None: not given, and there is no default."""

    title: str | None = None
    # When it starts
    priority: Literal["critical", "high", "normal", "low"] = "normal"
    queue: str = "default"
    depends_on: tuple[str | Mapping[str, str], ...] = ()  # names of jobs, or {"workstream": name}
    on_dependency_failure: Literal["block", "hold"] = "block"
    concurrency_key: str | None = None
    concurrency_limit: int = 1
    queue_timeout_seconds: float | None = None
    # How an attempt runs
    access: Literal["write", "read"] = "write"
    raw_command: bool = False
    timeout_seconds: float = 3600.0  # of an attempt; 0: no limit, which only a server's default can say
    idle_timeout_seconds: float | None = None  # without output; 0: no limit, None: the adapter's
    grace_seconds: float = 10.0  # between asking a tool to stop and killing it
    max_log_bytes: int | None = None  # None: the server's
    public_env: tuple[str, ...] = ()
    # How it is judged, and what follows
    review: bool = False
    expect_changes: bool | None = None  # None: the adapter's
    success_exit_codes: tuple[int, ...] = ()  # besides 0
    files_scope: tuple[str, ...] = ()
    retry_policy: str | Mapping[str, Any] | None = None
    repeatable: bool = True
    tags: Mapping[str, str] | None = None

    @property
    def reads(self) -> bool:
        """Whether the job declares that it changes nothing in its working tree."""
        return self.access == "read"

    @classmethod
    def from_document(cls, document: Mapping[str, Any], defaults: "JobOptions | None" = None) -> "JobOptions":
        """Those of a document; `defaults` stand for what it leaves out, instead of those declared here."""
        given = document.get("metadata")
        if not isinstance(given, Mapping):
            return defaults or DEFAULTS
        known = {name: _value(name, given[name]) for name in NAMES if given.get(name) is not None}
        return replace(defaults or DEFAULTS, **known)


DEFAULTS = JobOptions()
NAMES = tuple(field.name for field in fields(JobOptions))
_LISTS = frozenset(name for name in NAMES if isinstance(getattr(DEFAULTS, name), tuple))


def _value(name: str, value: Any) -> Any:
    """A list as a tuple. A document that was never checked may have anything there; then the list counts as empty."""
    if name in _LISTS:
        return tuple(value) if isinstance(value, list) else ()
    return value
