"""Execute: what a worker does with one claimed attempt, from its command to its verdict."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault

from adapters import gitinfo, registry, report
from adapters.base import Command, Context
from adapters.errors import AdapterError
from adapters.evidence import Evidence
from adapters.paths import Paths, must_exist
from adapters.process import Ending, Shim, ShimError, Spec
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import LostLease
from jobs.models import StepAttempt
from jobs.queue import drain
from jobs.services import events, node_secrets, places
from jobs.services.claim import Claimant, claim_next
from jobs.services.settle import settle
from jobs.services.supervise import Supervisor, patiently

log = logging.getLogger("engine.execute")
_shims: list[Shim] = []  # at most one: started ahead, so that a claimed job need not wait for an interpreter


def run_next() -> None:
    """What a wake-up calls: run claimable jobs until none is left or the worker is told to stop."""
    claimant = Claimant.this_process()
    while not drain.stopping():
        prewarm()
        drain.busy = True
        try:
            attempt = claim_next(claimant)
            if attempt is None:
                return
            execute(attempt)
        except DatabaseFault as fault:
            # If the claim went through unheard, nobody beats for it, and it is lost and run again after its lease.
            log.warning("the database is away: %s", fault)
            db.connection().close()
            return
        finally:
            drain.busy = False


def prewarm() -> None:
    """Have an idle shim ready."""
    _shims[:] = [shim for shim in _shims if shim.alive]
    if not _shims:
        _shims.append(Shim.spawn())


def discard_shims() -> None:
    while _shims:
        _shims.pop().close()


def execute(attempt: StepAttempt, on_output: Callable[[bytes], None] | None = None) -> Ending | None:
    """Run the attempt to its end and settle it. Every way out leaves the attempt closed or in other hands."""
    try:
        return supervise(attempt, prepare(attempt), on_output)
    except AdapterError as refusal:
        _refused(attempt, refusal)
    except LostLease as lost:
        log.warning("%s; its processes were ended and nothing more is written", lost)
    except (OSError, ShimError) as fault:
        _could_not(attempt, Verdict(Reason.INFRA, f"Engine could not run it: {fault}", "prepare"))
    except Exception as defect:
        log.exception("attempt %s met a defect", attempt.pk)
        _could_not(attempt, Verdict(Reason.INFRA, f"Engine met a defect: {defect!r}", "defect"))
    return None


def _could_not(attempt: StepAttempt, verdict: Verdict) -> None:
    """We failed, not the work: the attempt is closed, whatever it was; the policy tries again."""
    try:
        patiently(lambda: settle(attempt, verdict))
    except LostLease as lost:
        log.warning("%s", lost)


@dataclass(frozen=True)
class Prepared:
    """Everything that a run and its judgement need."""

    document: dict[str, Any]
    paths: Paths
    command: Command
    before: gitinfo.TreeState | None
    secrets: dict[str, str]


def prepare(attempt: StepAttempt) -> Prepared:
    """Build the command and look at the working tree. Raises AdapterError with a sentence."""
    job = attempt.job
    document = {**job.document(), "paths": dict(job.paths)}
    paths = places.from_json(job.paths)
    must_exist(paths)
    attempt.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets = node_secrets.granted(job)
    context = Context(
        attempt_dir=attempt.directory,
        marker=attempt.marker,
        allowed_executables=_executables(job.tool),
        allowed_roots=places.roots(),
        secrets=secrets,
        hop=attempt.hop,
    )
    command = registry.get(job.tool).prepare(document, context)
    before = gitinfo.look(paths.working_dir)
    base_commit = before.head if before else ""
    if not StepAttempt.objects.filter(pk=attempt.pk, fence=attempt.fence).update(
        command=command.display, base_commit=base_commit
    ):
        raise LostLease(f"Attempt {attempt.number} of {job.job_id} is no longer ours.")
    attempt.command, attempt.base_commit = command.display, base_commit
    return Prepared(document, paths, command, before, secrets)


def _executables(tool: str) -> tuple[str, ...] | None:
    """None means any: for the shell tool of a server whose operator allowed everything."""
    allowed = tuple(settings.ENGINE_EXECUTABLES)
    return None if tool == "shell" and "*" in allowed else allowed


def spec_of(attempt: StepAttempt, prepared: Prepared) -> Spec:
    metadata = attempt.job.metadata
    command, paths = prepared.command, prepared.paths
    return Spec(
        argv=command.argv,
        env=command.env,
        cwd=command.cwd,
        stdin=command.stdin,
        streams=command.streams,
        attempt_dir=attempt.directory,
        marker=attempt.marker,
        timeout_s=metadata.get("timeout_seconds", settings.ENGINE_TIMEOUT_S) or None,
        idle_timeout_s=metadata.get("idle_timeout_seconds", command.idle_timeout_s) or None,
        grace_s=metadata.get("grace_seconds", settings.ENGINE_CANCEL_GRACE_S),
        dead_man_s=settings.ENGINE_DEAD_MAN_S,
        secrets=list(command.secrets),
        copy_to=paths.log_file,
        copy_append=attempt.number > 1,
        copy_roots=[str(paths.repo_root), *settings.ENGINE_ROOTS],
        max_log_bytes=min(
            metadata.get("max_log_bytes", settings.ENGINE_LOG_LIMIT_BYTES), settings.ENGINE_LOG_LIMIT_BYTES
        ),
        rlimits=settings.ENGINE_RLIMITS or None,
        user=settings.ENGINE_RUN_AS or None,
    )


def supervise(attempt: StepAttempt, prepared: Prepared, on_output: Callable[[bytes], None] | None) -> Ending:
    shim = _shims.pop() if _shims else Shim.spawn()
    spec = spec_of(attempt, prepared)
    with shim:
        shim.start(spec)
        watcher = Supervisor(attempt, shim, on_output, bound_s=spec.timeout_s and spec.timeout_s + spec.grace_s + 30)
        ending = watcher.watch()
    verdict, head = judge(attempt, prepared, ending, handed_back=watcher.handed_back)
    error_report = write_report(attempt, prepared, verdict, ending)
    patiently(lambda: settle(attempt, verdict, ending, head_commit=head, error_report=error_report))
    return ending


def judge(attempt: StepAttempt, prepared: Prepared, ending: Ending, *, handed_back: bool) -> tuple[Verdict, str]:
    """The adapter's verdict on the evidence, and the commit that the working tree is at now."""
    if handed_back and ending.ended_by == "cancel":  # it may have ended by itself just before
        return Verdict(Reason.LOST, "Handed back: the worker was told to stop.", "shutdown"), ""
    after = gitinfo.look(prepared.paths.working_dir)
    evidence = Evidence(attempt.directory, gitinfo.compare(prepared.before, after))
    adapter = registry.get(attempt.step_name)
    try:
        verdict = adapter.classify(prepared.document, ending, evidence)
    except Exception as defect:  # an adapter's defect must not leave the attempt open
        log.exception("the %s adapter failed to judge attempt %s", attempt.step_name, attempt.pk)
        verdict = Verdict(
            Reason.INFRA,
            f"The {attempt.step_name} adapter could not judge the run: {defect!r}",
            "classifier_defect",
            details={"permanent": True, "blames": "adapter"},
        )
    return verdict, after.head if after else ""


def write_report(attempt: StepAttempt, prepared: Prepared, verdict: Verdict, ending: Ending | None) -> str:
    """The error report that the job asked for; its path, or "" when there is none to write."""
    if verdict.success or prepared.paths.error_report is None:
        return ""
    try:
        report.write(
            prepared.paths.error_report, job=prepared.document, verdict=verdict, ending=ending,
            attempt_dir=attempt.directory, attempt=attempt.number, roots=places.roots(),
        )  # fmt: skip
    except (OSError, AdapterError) as fault:
        events.record("report.not_written", job=attempt.job, path=str(prepared.paths.error_report), because=str(fault))
        return ""
    return str(prepared.paths.error_report)


def _refused(attempt: StepAttempt, refusal: AdapterError) -> None:
    """The job cannot be run as it stands: nothing was started, and trying again would change nothing."""
    details = {"permanent": True, "blames": "tool" if refusal.blames_tool else "job"}
    verdict = Verdict(Reason(refusal.reason), str(refusal), "prepare", (str(refusal),), details=details)
    paths = places.from_json(attempt.job.paths)
    error_report = ""
    if paths.error_report is not None:
        prepared = Prepared(attempt.job.document(), paths, Command([], {}, str(paths.working_dir)), None, {})
        error_report = write_report(attempt, prepared, verdict, None)
    settle(attempt, verdict, error_report=error_report)
