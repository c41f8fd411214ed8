"""Base class of the adapters. A tool's own file says which flags it needs, and how its endings are told apart."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import schema
from adapters import environment, executable, execution, facts, gitinfo, host_setup, paths, rules
from adapters.confinement import Profile
from adapters.draft import Draft
from adapters.errors import AdapterError, BadCommand
from adapters.evidence import Evidence, masked
from adapters.facts import Said, Told
from adapters.interface import Adapter, Command, Context, Field, Job, JobResult
from adapters.permissions import Permissions
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.verdict import Reason, Verdict
from schema.options import JobOptions

__all__ = [
    "Adapter",
    "Command",
    "Context",
    "Draft",
    "Ending",
    "Evidence",
    "Field",
    "Job",
    "JobResult",
    "Reason",
    "ToolAdapter",
    "Verdict",
]


class ToolAdapter:
    """The base of the built-in adapters; `add_to` and `judge` are what a tool overrides."""

    name: str = ""
    executables: tuple[str, ...] = ()  # patterns of base names; none means any program
    capabilities: tuple[str, ...] = ()
    required_env: tuple[str, ...] = ()
    model_env: tuple[str, ...] = ()  # patterns
    keys: tuple[str, ...] = ()  # patterns of variables of which it needs one, if it is not logged in
    logins: tuple[str, ...] = ()  # files below HOME that exist when it is logged in or configured
    default_idle_s: float | None = None
    expects_changes: bool = False
    fields: tuple[Field, ...] = ()
    streams: ClassVar[Literal["merged", "split"]] = "merged"
    own_env: ClassVar[Mapping[str, str]] = {}
    allowed_env: ClassVar[tuple[str, ...]] = ()  # dangerous names that this tool's jobs may set
    makes_commits: ClassVar[bool] = False
    needs: ClassVar[Profile] = Profile()  # what it reads and writes beyond its working tree: logins, sessions
    permissions: ClassVar[Mapping[Permissions, tuple[str, ...]]] = {}  # the flags that each means
    own_permissions: ClassVar[tuple[str, ...]] = ()  # flags of a person's own, beside which none are added

    # What a tool's file fills in

    def permission_flags(self, job: Job, permissions: Permissions) -> tuple[str, ...]:
        """None where the job's own command says what the tool may do, or is to be left as it is."""
        args = [str(word) for word in (job.get("command") or {}).get("args") or ()]
        if is_raw(job) or flags.has(args, *self.own_permissions):
            return ()
        return self.permissions.get(Permissions.READ if facts.reads(job) else permissions, ())

    def check(self, draft: Draft) -> None:
        """Refuse what would do harm. Raises BadCommand."""

    def add_to(self, draft: Draft) -> None:
        """Add what keeps the tool from waiting for a terminal; left out with `metadata.raw_command`."""

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        """The tool's own rules, for an attempt that the engine did not end; what git knows is weighed afterwards."""
        return rules.by_exit_code(ending, evidence)

    def tell(self, job: Job, evidence: Evidence) -> Told:
        """What the tool's own events say, however it ended: the one pass over its log."""
        return Told()

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        """`judge`, for a tool that has events."""
        return self.judge(job, ending, evidence)

    def expects(self, job: Job) -> bool:
        """Whether this job is to change its working tree."""
        return facts.expects(job, self.expects_changes)

    def prompt_of(self, job: Job) -> str | None:
        return None

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        raise BadCommand(f"{self.name} takes no prompt; escalate to an AI tool")

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        raise NotImplementedError

    # What stands

    def set_up(self, env: Mapping[str, str]) -> str:
        found = host_setup.missing(self.executables, self.keys, self.logins, env)
        return f"{self.name} is not set up: {found}" if found else ""

    def examine(self, job: Job, ctx: Context) -> None:
        environment.examine(job.get("env") or {}, (*self.allowed_env, *ctx.allowed_env))
        executable.permit(
            job["command"]["exe"], tool=self.name, known=self.executables, allowed=ctx.allowed_executables
        )

    def prepare(self, job: Job, ctx: Context) -> Command:
        places = ctx.paths
        if places is None:
            places = paths.resolve(job, ctx.base_dir, roots=ctx.allowed_roots)
            paths.must_exist(places)
        raw = is_raw(job)
        command, job_env = job["command"], job.get("env") or {}
        env = environment.build(
            job_env,
            server_env=ctx.server_env,
            own={} if raw else self.own_env,
            secrets=ctx.secrets,
            allowed=(*self.allowed_env, *ctx.allowed_env),
            job_id=str(job.get("job_id", "")),
            marker=ctx.marker,
        )
        exe = executable.resolve(
            command["exe"],
            tool=self.name,
            known=self.executables,
            allowed=ctx.allowed_executables,
            env=env.values,
            repo_root=places.repo_root,
            cwd=places.working_dir,
        )
        stdin = None if command.get("stdin") is None else str(command["stdin"]).encode()
        draft = Draft(
            [str(word) for word in command.get("args") or ()],
            stdin,
            env.values,
            places.working_dir,
            ctx.attempt_dir,
            ctx.tool_dir,
            job,
            self.permission_flags(job, ctx.permissions),
        )
        self.check(draft)
        if not raw:
            self.add_to(draft)
            if self.makes_commits:
                draft.env.update(gitinfo.author_env(draft.cwd, draft.env))
        argv = [exe, *draft.args]
        return Command(
            argv,
            draft.env,
            str(places.working_dir),
            draft.stdin,
            self.streams,
            self.default_idle_s,
            [masked(word, env.secrets) for word in argv],
            env.secrets,
        )

    def classify(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        told = self.tell(job, evidence)
        at_work = told.said in (Said.NOTHING, Said.UNFINISHED)
        stopped = rules.engine_ended(ending, told.doing if at_work else "")
        verdict = stopped or self.judge_told(job, ending, evidence, told)
        taken = _taken_for_success(job, ending)
        if taken and not stopped:
            said = f"Exit code {ending.exit_code}, which the job takes for success"
            verdict = replace(verdict, reason=Reason.OK, rule="success_exit_codes", summary=said)
        known = facts.Facts(
            stopped=stopped is not None,
            exit=facts.Exit.SUCCESS if taken else facts.exit_of(ending),
            said=told.said if verdict.success or told.said in (Said.FAILED, Said.UNFINISHED) else Said.FAILED,
            tree=facts.tree_of(evidence, facts.reads(job)),
            reads=facts.reads(job),
            expects=self.expects(job),
        )
        verdict = facts.weigh(self.name, verdict, told, known, evidence)
        return replace(verdict, usage={**told.usage, **verdict.usage}, details={**told.details, **verdict.details})

    def run_job(self, job: Job, ctx: Context | None = None) -> JobResult:
        """Run `job` here and now, without a queue. Never raises for a job that cannot run: the result says why."""
        if ctx is not None:
            return self._run(job, ctx)
        attempt_dir = Path(tempfile.mkdtemp(prefix="engine-"))
        result = self._run(job, Context(attempt_dir, marker=uuid.uuid4().hex))
        if not any(str(attempt_dir) in path for path in (result.log_path, result.error_report_path)):
            shutil.rmtree(attempt_dir, ignore_errors=True)
        return result

    def _run(self, job: Job, ctx: Context) -> JobResult:
        try:
            return execution.execute(self, job, ctx)[0]
        except AdapterError as error:
            return execution.refuse(job, ctx, error)[0]

    def validate_job(self, job: Job) -> bool:
        """Whether `job` is a valid document for this tool; says nothing about this host."""
        if job.get("tool") != self.name or not schema.check(job).ok:
            return False
        return not self.executables or executable.is_known(job["command"]["exe"], self.executables)

    def get_tool_info(self) -> dict[str, Any]:
        found = [path for name in self.executables if (path := shutil.which(name))]
        return {
            "tool": self.name,
            "capabilities": list(self.capabilities),
            "executables": list(self.executables),
            "required_env": list(self.required_env),
            "default_idle_s": self.default_idle_s,
            "expects_changes": self.expects_changes,
            "permissions": {name.value: list(added) for name, added in self.permissions.items()},
            "available": bool(found) or not self.executables,
            "path": found[0] if found else "",
        }

    def version(self, timeout_s: float = 30) -> str:
        """The first line of `--version`; empty if the tool is not there or does not say. Some need seconds for it."""
        path = self.get_tool_info()["path"]
        return executable.version_line(path, self.own_env, timeout_s) if path else ""


def is_raw(job: Job) -> bool:
    """Whether the command is to be started as it stands, with nothing added."""
    return JobOptions.from_document(job).raw_command


def _taken_for_success(job: Job, ending: Ending) -> bool:
    return bool(ending.exit_code and ending.exit_code in JobOptions.from_document(job).success_exit_codes)
