"""Interface of an adapter: what it gets, what it returns, and what it must be able to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from adapters import umask
from adapters.confinement import Profile
from adapters.evidence import TOOL_DIR, Evidence
from adapters.paths import Paths
from adapters.permissions import Permissions
from adapters.process.spec import Ending
from adapters.verdict import Verdict

Job = dict[str, Any]


@dataclass
class JobResult:
    """How a job ended; the first four are the Quick Reference's. `status`: completed, failed, timeout or cancelled."""

    exit_code: int | None
    error_report_path: str
    duration_s: float
    success: bool
    status: str = ""
    reason: str = ""
    summary: str = ""
    log_path: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What the caller knows and the job does not.

    `marker` (16 characters or more) finds the attempt's processes again. `allowed_executables`: None allows all that
    the adapter knows. `allowed_roots`: None means the repository alone. Relative `repo_root`s start at `base_dir`.
    `tree_is_shared`: another job used the working tree at the same time, so that a change need not be this job's.
    """

    attempt_dir: Path
    marker: str
    allowed_executables: tuple[str, ...] | None = None
    server_env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    escalation_level: int = 0
    attempt: int = 1
    base_dir: Path | None = None
    allowed_roots: tuple[Path, ...] | None = None
    allowed_env: tuple[str, ...] = ()
    paths: Paths | None = None  # the job's, if the caller has resolved and checked them already
    tree_is_shared: bool = False
    permissions: Permissions = Permissions.EDIT  # of a job that may write; the server's or the project's
    umask: int = field(default_factory=umask.current)  # of the tool and of the job's log file
    temp_dir: Path | None = None  # the tool's TMPDIR, made at the start and removed at the end; None: in `attempt_dir`
    confinement: Profile | None = None  # None: the tool runs with the rights of the worker

    @property
    def tool_dir(self) -> Path:
        """The part of `attempt_dir` that is the tool's: its reports and histories. The rest is Engine's."""
        return self.attempt_dir / TOOL_DIR

    @property
    def tmp(self) -> Path:
        return self.temp_dir or self.attempt_dir / "tmp"


@dataclass(frozen=True)
class Command:
    """A program ready to start; `display` is the argv without secrets, for people."""

    argv: list[str]
    env: dict[str, str] = field(repr=False)
    cwd: str
    stdin: bytes | None = field(default=None, repr=False)  # None: /dev/null; some tools wait forever on an open one
    streams: Literal["merged", "split"] = "merged"
    idle_timeout_s: float | None = None
    display: list[str] = field(default_factory=list)
    secrets: tuple[str, ...] = field(default=(), repr=False)  # values to mask in the log


@dataclass(frozen=True)
class Field:
    """One input of the submit form. `kind`: text, textarea, choice, checkbox."""

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    default: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class AdapterInterface(Protocol):
    """What a program needs to run a tool directly, without the queue."""

    def run_job(self, job: Job) -> JobResult: ...

    def validate_job(self, job: Job) -> bool: ...

    def get_tool_info(self) -> dict[str, Any]: ...


@runtime_checkable
class Adapter(AdapterInterface, Protocol):
    """Everything the engine asks of a tool. `ToolAdapter` brings all of it but the tool's own rules."""

    @property
    def name(self) -> str: ...

    @property
    def executables(self) -> tuple[str, ...]:
        """Patterns of the base names that `command.exe` may have; empty means any program."""
        ...

    @property
    def capabilities(self) -> tuple[str, ...]: ...

    @property
    def required_env(self) -> tuple[str, ...]: ...

    @property
    def model_env(self) -> tuple[str, ...]:
        """Patterns of the variables by which it gets its key and the address of its model's server."""
        ...

    @property
    def default_idle_s(self) -> float | None:
        """How long the tool may be silent before it counts as stalled; None: forever."""
        ...

    @property
    def expects_changes(self) -> bool:
        """Whether an attempt that changes nothing failed, where the job does not say."""
        ...

    def expects(self, job: Job) -> bool:
        """Whether this job is to change its working tree."""
        ...

    @property
    def fields(self) -> tuple[Field, ...]: ...

    def set_up(self, env: Mapping[str, str]) -> str:
        """Why the tool cannot work on this host with these variables of a job; empty if nothing is known against it."""
        ...

    def examine(self, job: Job, ctx: Context) -> None:
        """Refuse what no host would start; looks at no file. Raises AdapterError with a sentence."""
        ...

    def prepare(self, job: Job, ctx: Context) -> Command:
        """The command to start. Raises AdapterError with a sentence; starts nothing."""
        ...

    def classify(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict: ...

    def permission_flags(self, job: Job, permissions: Permissions) -> tuple[str, ...]:
        """What is added to the job's command so that the tool may, or may not, act without asking."""
        ...

    def prompt_of(self, job: Job) -> str | None:
        """What the job's command asks its model to do; None if it asks nothing."""
        ...

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        """A `command` object that gives `prompt` to this tool."""
        ...

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]: ...
