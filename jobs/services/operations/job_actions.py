"""What a person or a script may do to a job. Each verb is one function for page, API, command and admin."""

from typing import Any

from django.conf import settings
from django.db.models import F, Q

from adapters import registry
from adapters.errors import AdapterError, UnknownTool
from jobs import db
from jobs.errors import InvalidDocument, NotFound, WrongState
from jobs.models import Dependency, Job
from jobs.services.core import events
from jobs.services.core.private_queue import served_queue
from jobs.services.core.transitions import move, recount
from jobs.services.outcome.external_runs import let_go
from jobs.services.outcome.handoff import build_handoff, last_verdict, prompt_of
from jobs.services.submission.dependencies import failed_need, rearm
from jobs.services.submission.submit import refuse_locked
from jobs.states import FINAL, NOT_COMPLETED, JobStatus

CANCELLABLE = (
    JobStatus.WAITING,
    JobStatus.QUEUED,
    JobStatus.RETRYING,
    JobStatus.RUNNING,
    JobStatus.REVIEW,
    JobStatus.QUARANTINED,
)
RETRYABLE = (
    JobStatus.COMPLETED,
    JobStatus.FAILED,
    JobStatus.TIMEOUT,
    JobStatus.CANCELLED,
    JobStatus.REJECTED,
    JobStatus.BLOCKED,
    JobStatus.QUARANTINED,
    JobStatus.RETRYING,
)

HOLDABLE = (JobStatus.QUEUED, JobStatus.WAITING)


def require_possible(verb: str, job: Job) -> None:
    """What the verb itself would refuse, asked beforehand: for a dry run, and for buttons."""
    held = job.status == JobStatus.WAITING and job.on_hold
    possible = {
        "cancel": job.status in (*CANCELLABLE, JobStatus.CANCELLING),
        "retry": job.status in RETRYABLE,
        "escalate": job.status in RETRYABLE,
        "hold": job.status in HOLDABLE,
        "release": held or job.status == JobStatus.QUARANTINED,
        "close": job.status == JobStatus.QUARANTINED,
        "review": job.status == JobStatus.REVIEW,
    }
    if not possible[verb]:
        raise WrongState(
            f"Job {job.job_id} is {job.get_status_display().lower()}; it cannot be asked to {verb}.", state=job.status
        )


def _locked(job: Job) -> Job:
    found = Job.objects.select_for_update(of=("self",)).select_related("workstream").filter(pk=job.pk).first()
    if found is None:
        raise NotFound(f"Job {job.job_id} does not exist any more.")
    return found


def cancel(job: Job, *, by: str, grace_s: float | None = None) -> Job:
    """Stop the job. A running one is `cancelling` until its tree is gone; asking twice is not an error."""
    with db.atomic():
        job = _locked(job)
        if job.status == JobStatus.CANCELLING:
            return job
        if job.status in FINAL:
            raise WrongState(
                f"Job {job.job_id} cannot be cancelled: it ended as {job.get_status_display().lower()}.",
                state=job.status,
            )
        if job.status == JobStatus.RUNNING and not let_go(job):
            own = job.metadata.get("grace_seconds", settings.ENGINE_CANCEL_GRACE_S)
            grace = own if grace_s is None else grace_s
            return move(
                job,
                JobStatus.CANCELLING,
                by=by,
                cancelled_by=by,
                cancel_grace_s=grace,
                reason="cancelled",
                summary=f"Being cancelled by {by}.",
            )
        return move(job, JobStatus.CANCELLED, by=by, cancelled_by=by, reason="cancelled", summary=f"Cancelled by {by}.")


def retry(job: Job, *, by: str, command: dict[str, Any] | None = None) -> Job:
    """Make a new attempt now, with a fresh budget; `command` replaces the spec's command for it."""
    return _again(job, by=by, event="job.retried", cause="retried by hand", next_command=command or job.next_command)


def escalate(job: Job, *, by: str, tool: str, command: dict[str, Any] | None = None) -> Job:
    """Let another tool try, with the context of the last attempt; its adapter builds the command unless one is given."""
    try:
        registry.get(tool)
    except UnknownTool as unknown:
        raise NotFound(str(unknown)) from None
    last, handoff = job.latest_attempt(), {}
    try:
        if command is None and last is not None:
            handoff = build_handoff(job, last, last_verdict(last), tool)
            command = handoff.pop("command")
        else:
            command = command or registry.get(tool).command_for_prompt(prompt_of(job, job.tool), job.document())
    except AdapterError as refusal:  # a tool without a model cannot take over
        raise InvalidDocument(f"Job {job.job_id} cannot be handed over: {refusal}.") from None
    return _again(
        job,
        by=by,
        event="job.escalated",
        cause="escalated by hand",
        tool=tool,
        escalation_level=job.escalation_level + 1,
        next_command=command,
        handoff=handoff,
    )


def _again(job: Job, *, by: str, event: str, cause: str, **fields: Any) -> Job:
    with db.atomic():
        job = _locked(job)
        refuse_locked(job.workstream.ws_id)
        if job.status not in RETRYABLE:
            raise WrongState(
                f"Job {job.job_id} is {job.get_status_display().lower()}; cancel it or wait for its end.",
                state=job.status,
            )
        if failed := failed_need(job) if job.status == JobStatus.BLOCKED else None:
            raise WrongState(
                f"Job {job.job_id} is blocked: {failed.job_id} ended as {failed.status}. Retry that one; "
                f"{job.job_id} then waits for it again.",
                state=job.status,
            )
        handoff = {**(fields.pop("handoff", None) or {}), "cause": cause}
        unmet = job.dependencies.filter(met=False).count() if job.status == JobStatus.BLOCKED else 0
        to = JobStatus.WAITING if unmet else JobStatus.QUEUED
        move(
            job,
            to,
            by=by,
            event=event,
            payload={"tool": fields.get("tool", job.tool)},
            reason="",
            summary="",
            retry_budget_start=job.attempts_made,
            handoff=handoff,
            cancelled_by="",
            unmet_dependencies=unmet,
            on_hold=False,
            queue=served_queue(job),
            **fields,
        )
        rearm(job, by)
    return job


def release(job: Job, *, by: str) -> Job:
    """Let go of a held or quarantined job: it is queued, or waits for what it still needs."""
    with db.atomic():
        job = _locked(job)
        if job.status == JobStatus.QUARANTINED:
            return move(
                job,
                JobStatus.QUEUED,
                by=by,
                event="job.released",
                reason="",
                summary="",
                retry_budget_start=job.attempts_made,
                queue=served_queue(job),
            )
        if job.status == JobStatus.WAITING and job.on_hold:
            Job.objects.filter(pk=job.pk).update(on_hold=False, summary="", version=F("version") + 1)
            job.on_hold = False
            events.record("job.released", job=job, by=by)
            failed = Q(needs__status__in=FINAL) | Q(needs_workstream__jobs__status__in=NOT_COMPLETED)
            Dependency.objects.filter(failed, job=job, met=False).update(met=True)
            recount(job, by=by)
            return job
        raise WrongState(
            f"Job {job.job_id} is {job.get_status_display().lower()}; only held or quarantined jobs can be released.",
            state=job.status,
        )


def close(job: Job, *, by: str) -> Job:
    """Accept that a quarantined job failed."""
    with db.atomic():
        job = _locked(job)
        if job.status != JobStatus.QUARANTINED:
            raise WrongState(
                f"Job {job.job_id} is {job.get_status_display().lower()}, not quarantined.", state=job.status
            )
        return move(job, JobStatus.FAILED, by=by, event="job.closed", summary=f"Closed by {by}. {job.summary}"[:500])


def hold(job: Job, *, by: str) -> Job:
    """Keep a job from starting until it is released."""
    with db.atomic():
        job = _locked(job)
        if job.status == JobStatus.QUEUED:
            move(job, JobStatus.WAITING, by=by, event="job.held", on_hold=True, summary=f"Held by {by}.")
        elif job.status == JobStatus.WAITING:
            Job.objects.filter(pk=job.pk).update(on_hold=True, version=F("version") + 1)
            events.record("job.held", job=job, by=by)
        else:
            raise WrongState(
                f"Job {job.job_id} is {job.get_status_display().lower()}; only waiting and queued jobs can be held.",
                state=job.status,
            )
    return job


def review(job: Job, *, by: str, verdict: str, message: str = "") -> Job:
    """`approve`, `request_changes` (a new attempt that is told `message`) or `reject`."""
    with db.atomic():
        job = _locked(job)
        if job.status != JobStatus.REVIEW:
            raise WrongState(
                f"Job {job.job_id} is {job.get_status_display().lower()}, not in review.", state=job.status
            )
        payload = {"message": message}
        if verdict == "approve":
            return move(
                job, JobStatus.COMPLETED, by=by, event="review.approved", payload=payload, summary=f"Approved by {by}."
            )
        if verdict == "reject":
            return move(
                job,
                JobStatus.REJECTED,
                by=by,
                event="review.rejected",
                payload=payload,
                reason="refused",
                summary=f"Rejected by {by}. {message}"[:500],
            )
        if verdict != "request_changes":
            raise WrongState(f"Unknown verdict {verdict!r}; use approve, request_changes or reject.")
        told = f"{prompt_of(job, job.tool)}\n\nA reviewer asks for changes:\n{message}"
        try:
            command = registry.get(job.tool).command_for_prompt(told, job.document())
        except AdapterError as refusal:
            raise InvalidDocument(f"Job {job.job_id} cannot be told what to change: {refusal}.") from None
        return move(
            job,
            JobStatus.QUEUED,
            by=by,
            event="review.changes_requested",
            payload=payload,
            retry_budget_start=job.attempts_made,
            next_command=command,
            queue=served_queue(job),
            handoff={"cause": "changes requested", "message": message},
        )
