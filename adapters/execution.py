"""The one path that every tool runs on: prepare, look at the tree, run under a shim, judge, report.

`begin` and `conclude` share only the attempt's directory, so that another process may conclude what this one began.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters import confinement, facts, git_lock, gitinfo, paths, report
from adapters.environment import secrets_of
from adapters.errors import AdapterError, OutsideRoots, TreeUnknown
from adapters.evidence import LOG, Evidence
from adapters.interface import Adapter, Command, Context, Job, JobResult
from adapters.process.runner import run_process
from adapters.process.spec import DEFAULT_LOG_BYTES, Confine, EndedBy, Ending, Spec
from adapters.verdict import Verdict
from schema.options import JobOptions

BEFORE = "before.json"


@dataclass(frozen=True)
class Prepared:
    spec: Spec
    command: Command
    paths: paths.Paths
    before: gitinfo.TreeState | None


def begin(adapter: Adapter, job: Job, ctx: Context) -> Prepared:
    """Everything up to the start; raises AdapterError with nothing started. The spec has no dead man: see `execute`."""
    places = paths.resolve(job, ctx.base_dir, roots=ctx.allowed_roots)
    paths.must_exist(places)
    ctx.attempt_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    ctx.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = adapter.prepare(job, replace(ctx, paths=places))
    before, state = _first_look(adapter, job, places)
    # Also where there is no repository: without the file, that could not be told from a tree that was not examined.
    (ctx.attempt_dir / BEFORE).write_text(json.dumps(state), encoding="utf-8")
    return Prepared(_spec(job, ctx, command, places), command, places, before)


def conclude(adapter: Adapter, job: Job, ctx: Context, ending: Ending) -> tuple[JobResult, Verdict]:
    """Judge an attempt that `begin` prepared, and write its error report if it failed."""
    places = ctx.paths or paths.resolve(job, ctx.base_dir, roots=ctx.allowed_roots)
    was_stopped = ending.ended_by != EndedBy.EXIT or bool(ending.signal or ending.killed)
    lock = git_lock.remove_left_behind(places.working_dir, ending.started_at) if was_stopped else ""
    change, trouble = _change(job, ctx, places)
    evidence = Evidence(
        ctx.attempt_dir, change, secrets_of(job.get("env") or {}, ctx.secrets), trouble, ctx.tree_is_shared
    )
    verdict = adapter.classify(job, ending, evidence)
    result = _result(ending, verdict, change)
    result.log_path = str(places.log_file or ctx.attempt_dir / LOG)
    result.metadata["git_lock_removed"] = lock
    _remove(ctx.tmp)
    if not verdict.success:
        result.error_report_path = _report(job, verdict, ending, ctx, places)
    elif places.error_report:
        # An earlier attempt's failure is not true of the job any more.
        report.withdraw(places.error_report, str(job.get("job_id", "")), (places.repo_root, *(ctx.allowed_roots or ())))
    return result, verdict


def _remove(place: Path) -> None:
    try:
        place.rmdir()  # usually empty: one call
    except OSError:
        shutil.rmtree(place, ignore_errors=True)


def refuse(job: Job, ctx: Context, error: AdapterError) -> tuple[JobResult, Verdict]:
    """The outcome of a job that `begin` did not let start."""
    verdict = Verdict(error.reason, str(error), f"refused:{type(error).__name__}")
    result = JobResult(
        None, "", 0.0, False, verdict.status, verdict.reason.value, verdict.summary, metadata={"rule": verdict.rule}
    )
    try:
        places = None if isinstance(error, OutsideRoots) else paths.resolve(job, ctx.base_dir, roots=ctx.allowed_roots)
    except OutsideRoots:
        places = None
    result.error_report_path = _report(job, verdict, None, ctx, places)
    return result, verdict


def execute(
    adapter: Adapter, job: Job, ctx: Context, on_progress: Callable[[dict[str, Any]], None] | None = None
) -> tuple[JobResult, Verdict, Ending]:
    """Run `job` here and now. Raises AdapterError if it cannot start."""
    prepared = begin(adapter, job, ctx)
    ending = run_process(prepared.spec, on_progress)
    return *conclude(adapter, job, ctx, ending), ending


def _spec(job: Job, ctx: Context, command: Command, places: paths.Paths) -> Spec:
    options = JobOptions.from_document(job)
    env = command.env if "TMPDIR" in (job.get("env") or {}) else {**command.env, "TMPDIR": str(ctx.tmp)}
    idle = options.idle_timeout_seconds
    return Spec(
        argv=command.argv,
        env=env,
        cwd=command.cwd,
        attempt_dir=ctx.attempt_dir,
        marker=ctx.marker,
        stdin=command.stdin,
        streams=command.streams,
        timeout_s=options.timeout_seconds or None,
        idle_timeout_s=(command.idle_timeout_s if idle is None else idle) or None,
        grace_s=options.grace_seconds,
        secrets=list(command.secrets),
        umask=ctx.umask,
        copy_to=places.log_file,
        copy_roots=[str(place) for place in (places.repo_root, *(ctx.allowed_roots or ()))],
        max_log_bytes=options.max_log_bytes or DEFAULT_LOG_BYTES,
        # The caller sits in the same process and only waits; who holds a lease sets a dead man of its own.
        dead_man_s=None,
        confine=_confine(ctx, command, env, places),
    )


def _confine(ctx: Context, command: Command, env: dict[str, str], places: paths.Paths) -> Confine | None:
    if ctx.confinement is None:
        return None
    return confinement.confine(command.argv, env, places, ctx.confinement, ctx.attempt_dir, (ctx.tool_dir, ctx.tmp))


def _look(places: paths.Paths) -> gitinfo.TreeState | None:
    return gitinfo.look(places.working_dir, [own for own in (places.log_file, places.error_report) if own])


def _first_look(adapter: Adapter, job: Job, places: paths.Paths) -> tuple[gitinfo.TreeState | None, Any]:
    """The tree before the start, and what is stored of it. Raises TreeUnknown where the verdict would rest on it."""
    rests = facts.reads(job) or adapter.expects(job)
    try:
        before = _look(places)
    except gitinfo.GitUnknown as trouble:
        if rests:
            raise TreeUnknown(
                f"git cannot tell the state of {places.working_dir}, so it could not be seen what the job did: {trouble}"
            ) from trouble
        return None, {"trouble": str(trouble)}
    if before is None and JobOptions.from_document(job).expect_changes and adapter.expects(job):
        raise TreeUnknown(
            f"paths.working_dir {places.working_dir} is not in a git repository, so the change that "
            "metadata.expect_changes asks for could not be seen; run git init there, or set it to false"
        )
    return before, None if before is None else before.as_dict()


def _change(job: Job, ctx: Context, places: paths.Paths) -> tuple[gitinfo.GitChange | None, str]:
    """What the attempt changed, and why git could not tell it."""
    try:
        state = json.loads((ctx.attempt_dir / BEFORE).read_text(encoding="utf-8"))
        if state is None:
            return None, ""
        if "trouble" in state:
            return None, str(state["trouble"])
        return gitinfo.compare(gitinfo.TreeState(**state), _look(places)), ""
    except (OSError, ValueError) as error:
        return None, f"the note of the tree before the start cannot be read: {error}"
    except gitinfo.GitUnknown as trouble:
        return None, str(trouble)


def _result(ending: Ending, verdict: Verdict, change: gitinfo.GitChange | None) -> JobResult:
    metadata = {
        "rule": verdict.rule,
        "evidence": list(verdict.evidence),
        "reset_at": verdict.reset_at,
        "usage": dict(verdict.usage),
        "details": dict(verdict.details),
        "signal": ending.signal,
        "ended_by": str(ending.ended_by),
        "killed": ending.killed,
        "survivors": ending.survivors,
        "git": None if change is None else change.as_dict(),
    }
    return JobResult(
        ending.exit_code,
        "",
        ending.duration_s,
        verdict.success,
        verdict.status,
        verdict.reason.value,
        verdict.summary,
        metadata=metadata,
    )


def _report(job: Job, verdict: Verdict, ending: Ending | None, ctx: Context, places: paths.Paths | None) -> str:
    """The job's own place if it can be written, else the attempt's directory: no outcome is lost to a bad path."""
    candidates: list[tuple[Path, tuple[Path, ...]]] = [(ctx.attempt_dir / "error.json", (ctx.attempt_dir,))]
    if places and places.error_report and places.repo_root.is_dir():
        candidates.insert(0, (places.error_report, (places.repo_root, *(ctx.allowed_roots or ()))))
    for path, roots in candidates:
        try:
            return str(
                report.write(
                    path,
                    job=job,
                    verdict=verdict,
                    ending=ending,
                    attempt_dir=ctx.attempt_dir,
                    attempt=ctx.attempt,
                    roots=roots,
                )
            )
        except (OSError, OutsideRoots):
            continue
    return ""
