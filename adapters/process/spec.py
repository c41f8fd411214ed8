"""Description of a run and of its ending: the two types that pass between a worker and its shim."""

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal

MARKER_NAME = "ENGINE_ATTEMPT_MARKER"
# A short marker could be matched by accident; a sweep by an accidental marker kills somebody else's processes.
MIN_MARKER_LENGTH = 16
DEFAULT_LOG_BYTES = 200_000_000
MAX_STDIN_BYTES = 32_000_000  # the shim takes orders up to 64 MB; base64 and arguments come on top

Streams = Literal["merged", "split"]


class EndedBy(StrEnum):
    """Who or what ended the run; the first cause counts, later ones only shorten the grace."""

    EXIT = "exit"
    TIMEOUT = "timeout"
    IDLE = "idle"
    CANCEL = "cancel"
    LIFELINE = "lifeline"  # the worker is gone: its control pipe was closed
    DEADMAN = "deadman"  # watchdog timeout: the worker sent no heartbeat in time
    SPAWN_ERROR = "spawn_error"  # the tool never started
    LOG_ERROR = "log_error"  # the output could not be written


def tag_for(marker: str) -> int:
    """The number that the processes of an attempt carry (see keeper/limits.py): 62 bits, never a plausible limit.

    It follows from the marker, so that whoever knows the marker can find the processes before pid.json is written.
    """
    digest = hashlib.sha256(os.fsencode(marker)).digest()
    return (int.from_bytes(digest[:8]) >> 3) | (1 << 61)


@dataclass(frozen=True)
class Confine:
    """What the tool may read (and run), and what it may write as well: absolute paths, each with all that is below it."""

    read: tuple[str, ...]
    write: tuple[str, ...]


@dataclass(frozen=True)
class Spec:
    """One program to run; everything that the shim needs to know, checked before anything starts."""

    argv: list[str]
    env: dict[str, str] = field(repr=False)
    cwd: str
    attempt_dir: str | os.PathLike[str]
    marker: str
    stdin: bytes | None = field(default=None, repr=False)  # None: /dev/null
    streams: Streams = "merged"
    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    grace_s: float = 10.0
    dead_man_s: float | None = (
        45.0  # watchdog timeout; None: only the end of the control pipe ends a run without a worker
    )
    secrets: list[str] = field(default_factory=list, repr=False)
    copy_to: str | os.PathLike[str] | None = None
    copy_append: bool = False
    copy_roots: list[str] = field(default_factory=list)
    max_log_bytes: int = DEFAULT_LOG_BYTES
    rlimits: Mapping[str, int | tuple[int, int]] | None = None  # {"nofile": 1024}, {"core": (0, 0)}
    user: str | None = None
    umask: int = 0o077
    confine: Confine | None = None  # None: with the rights of the worker
    # A control group of the attempt's own, where the host allows one. Off, because a move into a group waits 12 to 20 ms
    # for the kernel, for all starts of the host one after the other; tags (see keeper/limits.py) cost nothing.
    use_cgroup: bool = False

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0]:
            raise ValueError("argv is empty: name at least the program to run")
        if len(self.marker) < MIN_MARKER_LENGTH or any(not c.isprintable() or c.isspace() for c in self.marker):
            raise ValueError(f"marker must be {MIN_MARKER_LENGTH} or more printable characters without blanks")
        if self.streams not in ("merged", "split"):
            raise ValueError(f"streams is {self.streams!r}: use 'merged' or 'split'")
        if self.stdin is not None and len(self.stdin) > MAX_STDIN_BYTES:
            raise ValueError(
                f"stdin has {len(self.stdin)} bytes, more than {MAX_STDIN_BYTES}: let the tool read a file"
            )
        if self.max_log_bytes < 1:
            raise ValueError("max_log_bytes must be at least 1")
        for name in ("timeout_s", "idle_timeout_s", "dead_man_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}: give seconds above 0, or None for no limit")
        if not self.grace_s >= 0:
            raise ValueError(f"grace_s is {self.grace_s}: give 0 or more seconds")

    def to_wire(self) -> dict[str, Any]:
        """The JSON shape that the keeper reads; the marker is put into the tool's environment here."""
        wire: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "stdin"}
        wire["env"] = {**self.env, MARKER_NAME: self.marker}
        wire["attempt_dir"] = os.path.abspath(self.attempt_dir)  # noqa: PTH100 - str in, str out
        wire["copy_to"] = None if self.copy_to is None else os.path.abspath(self.copy_to)  # noqa: PTH100
        wire["copy_roots"] = [os.path.abspath(root) for root in self.copy_roots]  # noqa: PTH100
        wire["tag"] = tag_for(self.marker)
        wire["cwd"] = os.path.abspath(self.cwd)  # noqa: PTH100
        wire["rlimits"] = dict(self.rlimits or {})
        wire["confine"] = None if self.confine is None else asdict(self.confine)
        wire["stdin_b64"] = None if self.stdin is None else base64.b64encode(self.stdin).decode("ascii")
        return wire


@dataclass(frozen=True)
class Ending:
    """How a run ended: the content of exit.json."""

    ended_by: EndedBy
    exit_code: int | None = None
    signal: int | None = None
    error: str = ""  # a sentence for a person; empty unless something went wrong on our side
    started_at: float = 0.0  # epoch seconds, for display only
    ended_at: float = 0.0
    duration_s: float = 0.0  # monotonic
    killed: int = 0  # processes that had to be stopped, the tool among them unless it ended by itself
    survivors: int = 0  # processes that outlived SIGKILL and the bound; 0 unless the kernel holds them
    stop_s: float = 0.0
    log_bytes: int = 0
    log_lines: int = 0
    log_skipped_bytes: int = 0
    first_error_line: int | None = None
    rusage: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Ending":
        """Read an exit record; unknown keys of a newer keeper are left out. ValueError for an unknown `ended_by`."""
        known = {f.name for f in fields(cls)}
        found = {key: value for key, value in data.items() if key in known}
        return cls(**(found | {"ended_by": EndedBy(data.get("ended_by", ""))}))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
