"""An attempt between Engine and its adapter: how it begins, and what is concluded from its ending, by whoever finds it."""

import logging
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.db.models import Q

from adapters import execution, git_lock, registry, repo_scan
from adapters.errors import AdapterError, MissingSecret
from adapters.interface import Context
from adapters.process import Ending, Spec
from adapters.verdict import Reason, Verdict
from jobs.errors import LostLease
from jobs.models import StepAttempt
from jobs.services.accounts import node_secrets
from jobs.services.core import events
from jobs.services.execution.claim import extend_lease
from jobs.services.submission import job_paths

log = logging.getLogger("engine.attempts")


@dataclass(frozen=True)
class Outcome:
    """What settling needs to know of an ending."""

    verdict: Verdict
    head_commit: str = ""
    error_report: str = ""


@dataclass(frozen=True)
class Begun:
    """What is to be run, and the secrets that it runs with."""

    spec: Spec
    secrets: dict[str, str] = field(repr=False)


def begin(attempt: StepAttempt) -> Begun:
    """Build the command, look at the working tree, note both. Raises AdapterError with a sentence, LostLease."""
    job = attempt.job
    secrets = node_secrets.granted(job)
    _free_index(attempt)
    context = _context(attempt, secrets)
    prepared = execution.begin(registry.get(attempt.step_name), _document(attempt), context)
    base_commit = prepared.before.head if prepared.before else ""
    risky = _repository_config(attempt, prepared)
    # Also a beat: all that took time, and whoever was taken for dead meanwhile must not start anything.
    if not extend_lease(attempt, command=prepared.command.display, base_commit=base_commit):
        raise LostLease(f"Attempt {attempt.number} of {job.job_id} is no longer ours.")
    attempt.command, attempt.base_commit = list(prepared.command.display), base_commit
    if risky:
        events.record("attempt.repository_config", job=job, attempt=attempt.number, findings=risky)
    return Begun(_bounded(attempt, prepared), secrets)


def _bounded(attempt: StepAttempt, prepared: execution.Prepared) -> Spec:
    """The spec with this server's own limits and defaults."""
    spec, metadata = prepared.spec, attempt.job.metadata
    return replace(
        spec,
        timeout_s=metadata.get("timeout_seconds", settings.ENGINE_TIMEOUT_S) or None,
        grace_s=metadata.get("grace_seconds", settings.ENGINE_CANCEL_GRACE_S),
        dead_man_s=settings.ENGINE_WATCHDOG_S,
        copy_append=attempt.number > 1,
        max_log_bytes=min(spec.max_log_bytes, settings.ENGINE_LOG_LIMIT_BYTES),
        rlimits=settings.ENGINE_RLIMITS or None,
        user=settings.ENGINE_RUN_AS or None,
    )


def conclude(attempt: StepAttempt, ending: Ending, secrets: dict[str, str] | None = None) -> Outcome:
    """The adapter's verdict on an ending, with its error report written. No adapter makes it raise.

    `secrets` are those that it began with; who took it over asks for them again.
    """
    try:
        secrets = node_secrets.granted(attempt.job) if secrets is None else secrets
    except MissingSecret:
        secrets = {}  # without them only masking inside the verdict is less sure
    try:
        # Roots that an operator has changed since must not turn a finished run into a failure.
        own = (job_paths.from_json(attempt.job.paths).repo_root,)
        context = replace(
            _context(attempt, secrets),
            allowed_roots=(*job_paths.roots(), *own),
            tree_is_shared=_shares_its_tree(attempt),
        )
        result, verdict = execution.conclude(registry.get(attempt.step_name), _document(attempt), context, ending)
    except Exception as defect:
        log.exception("the %s adapter failed to judge attempt %s", attempt.step_name, attempt.pk)
        sentence = f"The {attempt.step_name} adapter could not judge the run: {defect!r}"
        details = {"permanent": True, "blames": "adapter"}
        return Outcome(Verdict(Reason.INFRA, sentence, "classifier_defect", details=details))
    _note_lock(attempt, result.metadata.get("git_lock_removed") or "")
    git = result.metadata.get("git") or {}
    return Outcome(verdict, git.get("head", ""), result.error_report_path)


def _free_index(attempt: StepAttempt) -> None:
    """Remove the lock that an earlier attempt of this job left in git when its worker was killed."""
    first = attempt.job.attempts.exclude(pk=attempt.pk).order_by("number").first()
    if first is not None and attempt.job.exclusive:
        place = job_paths.from_json(attempt.job.paths).working_dir
        _note_lock(attempt, git_lock.remove_left_behind(place, first.started_at.timestamp()))


def _note_lock(attempt: StepAttempt, lock: str) -> None:
    if lock:
        events.record("attempt.git_lock_removed", job=attempt.job, attempt=attempt.number, path=lock)


def _shares_its_tree(attempt: StepAttempt) -> bool:
    """Whether a job that only reads had company in its working tree, so that a change need not be its own."""
    if attempt.job.metadata.get("access", "write") != "read":
        return False
    others = StepAttempt.objects.filter(job__repo_key=attempt.job.repo_key).exclude(job=attempt.job)
    return others.filter(Q(completed_at__isnull=True) | Q(completed_at__gte=attempt.started_at)).exists()


def refuse(attempt: StepAttempt, refusal: AdapterError) -> Outcome:
    """The job cannot be run as it stands: nothing was started, and trying again would change nothing."""
    result, verdict = execution.refuse(_document(attempt), _context(attempt, {}), refusal)
    details = {**verdict.details, "permanent": True, "blames": "tool" if refusal.blames_tool else "job"}
    return Outcome(replace(verdict, details=details, evidence=(str(refusal),)), "", result.error_report_path)


def _context(attempt: StepAttempt, secrets: dict[str, str]) -> Context:
    allowed = tuple(settings.ENGINE_EXECUTABLES)
    any_program = attempt.step_name == "shell" and "*" in allowed  # an operator allowed everything
    return Context(
        attempt_dir=attempt.directory,
        marker=attempt.marker,
        allowed_executables=None if any_program else allowed,
        allowed_roots=job_paths.roots(),
        secrets=secrets,
        escalation_level=attempt.escalation_level,
        attempt=attempt.number,
    )


def _document(attempt: StepAttempt) -> dict[str, object]:
    return {**attempt.job.document(), "paths": {key: place for key, place in attempt.job.paths.items() if place}}


def _repository_config(attempt: StepAttempt, prepared: execution.Prepared) -> list[dict[str, object]]:
    """What in the checkout could make this tool run or redirect things although nobody asked for it."""
    findings = [row.as_dict() for row in repo_scan.scan(prepared.paths.working_dir, attempt.step_name)]
    return [row for row in findings if not row["neutralised"] and attempt.step_name != "tests"]
