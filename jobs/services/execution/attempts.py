"""Attempts between Engine and their adapter: the command before the start, the verdict after the end.

`prepare`, `judge` and `reject` read and write files only, so that they can run beside the work with the database.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from adapters import execution, git_lock, registry, repo_scan
from adapters.errors import AdapterError, MissingSecret
from adapters.interface import Context
from adapters.process import Ending, Spec
from adapters.verdict import Reason, Verdict
from jobs.models import StepAttempt
from jobs.services.accounts import node_secrets
from jobs.services.core import events
from jobs.services.execution import confinement
from jobs.services.submission import job_paths, start_checks, tool_permissions

log = logging.getLogger("engine.attempts")


@dataclass(frozen=True)
class Outcome:
    """What settling needs to know of an ending."""

    verdict: Verdict
    head_commit: str = ""
    error_report: str = ""
    freed_lock: str = ""  # git's index.lock, if what was stopped had left one


@dataclass(frozen=True)
class Prepared:
    """What is to be run, and what is noted of it on the attempt."""

    spec: Spec
    command: list[str]  # as it may be shown
    base_commit: str
    risks: list[dict[str, object]]  # what in the repository could redirect the tool
    freed_lock: str = ""  # git's index.lock, if an earlier attempt had left one


def prepare(attempt: StepAttempt, secrets: dict[str, str], earlier_since: datetime | None = None) -> Prepared:
    """Build the command and examine the working tree. Reads files only: the job must be loaded, no query is made.

    `earlier_since`: when the job's first attempt started, if this is a later one; a lock that a killed one left in git
    since then is removed. Raises AdapterError with a sentence; nothing has been started then.
    """
    lock = _free_index(attempt, earlier_since) if earlier_since and attempt.job.exclusive else ""
    adapter = registry.get(attempt.step_name)
    context = replace(_context(attempt, secrets), confinement=confinement.profile_for(adapter))
    prepared = execution.begin(adapter, _document(attempt), context)
    return Prepared(
        _bounded(attempt, prepared),
        list(prepared.command.display),
        prepared.before.head if prepared.before else "",
        _repository_config(attempt, prepared),
        lock,
    )


def _free_index(attempt: StepAttempt, since: datetime) -> str:
    place = job_paths.from_json(attempt.job.paths).working_dir
    return git_lock.remove_left_behind(place, since.timestamp())


def _bounded(attempt: StepAttempt, prepared: execution.Prepared) -> Spec:
    """The spec with this server's own limits and defaults."""
    spec, options = prepared.spec, attempt.job.options
    return replace(
        spec,
        timeout_s=options.timeout_seconds or None,
        grace_s=options.grace_seconds,
        dead_man_s=settings.ENGINE_WATCHDOG_S,
        copy_append=attempt.number > 1,
        max_log_bytes=min(spec.max_log_bytes, settings.ENGINE_LOG_LIMIT_BYTES),
        rlimits=settings.ENGINE_RLIMITS or None,
        user=settings.ENGINE_RUN_AS or None,
    )


def judge_orphan(attempt: StepAttempt, ending: Ending) -> Outcome:
    """`judge` for a process that did not start the attempt; reads what it needs from the database."""
    try:
        secrets = node_secrets.granted(attempt.job)
    except MissingSecret:
        secrets = {}  # without them only masking inside the verdict is less sure
    return judge(attempt, ending, secrets, tree_is_shared=shares_its_tree(attempt))


def judge(attempt: StepAttempt, ending: Ending, secrets: dict[str, str], *, tree_is_shared: bool = False) -> Outcome:
    """The adapter's verdict on an ending, with its error report written. No adapter makes it raise.

    `secrets` are those that it began with; `tree_is_shared` is what `shares_its_tree` says.
    """
    try:
        # As they were resolved at submission: roots that an operator changed since must not make a finished run a failure.
        places = job_paths.from_json(attempt.job.paths)
        roots = (*job_paths.roots(), places.repo_root)
        context = replace(
            _context(attempt, secrets),
            allowed_roots=roots,
            paths=places if attempt.job.paths.get("working_dir") else None,
            tree_is_shared=tree_is_shared,
        )
        result, verdict = execution.conclude(registry.get(attempt.step_name), _document(attempt), context, ending)
    except Exception as defect:
        log.exception("the %s adapter failed to judge attempt %s", attempt.step_name, attempt.pk)
        sentence = f"The {attempt.step_name} adapter could not judge the run: {defect!r}"
        details = {"permanent": True, "blames": "adapter"}
        return Outcome(Verdict(Reason.INFRA, sentence, "classifier_defect", details=details))
    git = result.metadata.get("git") or {}
    lock = str(result.metadata.get("git_lock_removed") or "")
    return Outcome(verdict, git.get("head", ""), result.error_report_path, lock)


def shares_its_tree(attempt: StepAttempt) -> bool:
    """Whether a job that only reads had company in its working tree, so that a change need not be its own."""
    if not attempt.job.options.reads:
        return False
    others = StepAttempt.objects.filter(job__tree_key=attempt.job.tree_key).exclude(job=attempt.job)
    return others.filter(Q(completed_at__isnull=True) | Q(completed_at__gte=attempt.started_at)).exists()


def first_start(attempt: StepAttempt) -> datetime | None:
    """When the job's first attempt started, if this is a later one."""
    if attempt.number <= 1:
        return None
    earlier = attempt.job.attempts.exclude(pk=attempt.pk).order_by("number")
    return earlier.values_list("started_at", flat=True).first()


def note_freed_lock(attempt: StepAttempt, path: str) -> None:
    if path:
        events.record("attempt.git_lock_removed", job=attempt.job, attempt=attempt.number, path=path)


def reject(attempt: StepAttempt, refusal: AdapterError) -> Outcome:
    """The job cannot be run as it stands: nothing was started, and trying again would change nothing."""
    result, verdict = execution.refuse(_document(attempt), _context(attempt, {}), refusal)
    details = {**verdict.details, "permanent": True, "blames": "tool" if refusal.blames_tool else "job"}
    return Outcome(replace(verdict, details=details, evidence=(str(refusal),)), "", result.error_report_path)


def _context(attempt: StepAttempt, secrets: dict[str, str]) -> Context:
    return Context(
        attempt_dir=attempt.directory,
        marker=attempt.marker,
        allowed_executables=start_checks.allowed_executables(attempt.step_name),
        permissions=tool_permissions.of_job(attempt.job),
        allowed_roots=job_paths.roots(),
        secrets=secrets,
        escalation_level=attempt.escalation_level,
        attempt=attempt.number,
        umask=settings.ENGINE_UMASK,
        temp_dir=attempt.temp_dir,
    )


def _document(attempt: StepAttempt) -> dict[str, object]:
    return {**attempt.job.document(), "paths": {key: place for key, place in attempt.job.paths.items() if place}}


def _repository_config(attempt: StepAttempt, prepared: execution.Prepared) -> list[dict[str, object]]:
    """What in the checkout could make this tool run or redirect things although nobody asked for it."""
    findings = [row.as_dict() for row in repo_scan.scan(prepared.paths.working_dir, attempt.step_name)]
    return [row for row in findings if not row["neutralised"] and attempt.step_name != "tests"]
