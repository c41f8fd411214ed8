"""Job actions: one function each, for page, API, command and admin.

Whether it may be done is decided in `action_rules`: each function asks it again while it holds the row's lock.
"""

from typing import Any, assert_never

from django.db.models import F, Q

from jobs import db
from jobs.errors import NotFound
from jobs.models import Dependency, Job
from jobs.services.core import events
from jobs.services.core.private_queue import served_queue
from jobs.services.core.transitions import move, recount
from jobs.services.operations.action_rules import Asker, Order, changes_nothing, refusal, verdict_of
from jobs.services.operations.next_commands import escalation, with_changes
from jobs.services.outcome.external_runs import let_go
from jobs.services.submission.dependencies import rearm
from jobs.states import FINAL, NOT_COMPLETED, JobStatus, ReviewVerdict, Verb

NO_ORDER = Order()


def act(verb: Verb, job: Job, *, by: Asker, order: Order = NO_ORDER) -> Job:
    """Do `verb` to `job`. Raises what `refusal` answers for the same arguments, and then changes nothing."""
    if refused := by.refusal_to(verb, job):
        raise refused
    match verb:
        case Verb.CANCEL:
            return cancel(job, by=by.name, grace_s=order.grace_s)
        case Verb.RETRY:
            return retry(job, by=by.name, command=order.command)
        case Verb.ESCALATE:
            return escalate(job, by=by.name, tool=order.tool, command=order.command)
        case Verb.RELEASE:
            return release(job, by=by.name)
        case Verb.CLOSE:
            return close(job, by=by.name)
        case Verb.HOLD:
            return hold(job, by=by.name)
        case Verb.REVIEW:
            return review(job, by=by.name, verdict=order.verdict, message=order.message)
        case _:
            assert_never(verb)


def _require(verb: Verb, job: Job) -> None:
    if refused := refusal(verb, job):
        raise refused


def _locked(job: Job) -> Job:
    found = Job.objects.select_for_update(of=("self",)).select_related("workstream").filter(pk=job.pk).first()
    if found is None:
        raise NotFound(f"Job {job.job_id} does not exist any more.")
    return found


def cancel(job: Job, *, by: str, grace_s: float | None = None) -> Job:
    """Stop the job. A running one is `cancelling` until its tree is gone; asking twice is not an error."""
    with db.atomic():
        job = _locked(job)
        _require(Verb.CANCEL, job)
        if changes_nothing(Verb.CANCEL, job):
            return job
        if job.status == JobStatus.RUNNING and not let_go(job):
            grace = job.options.grace_seconds if grace_s is None else grace_s
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
    with db.atomic():
        job = _locked(job)
        _require(Verb.RETRY, job)
        handoff = {"cause": "retried by hand"}
        return _start_again(job, by, "job.retried", handoff=handoff, next_command=command or job.next_command)


def escalate(job: Job, *, by: str, tool: str, command: dict[str, Any] | None = None) -> Job:
    """Let another tool try, with the context of the last attempt; its adapter builds the command unless one is given."""
    _require(Verb.ESCALATE, job)
    next_command, context = escalation(job, tool, command)  # reads a log: not while the row is locked
    with db.atomic():
        job = _locked(job)
        _require(Verb.ESCALATE, job)
        return _start_again(
            job,
            by,
            "job.escalated",
            tool=tool,
            escalation_level=job.escalation_level + 1,
            next_command=next_command,
            handoff={**context, "cause": "escalated by hand"},
        )


def _start_again(job: Job, by: str, event: str, **fields: Any) -> Job:
    """Queue a job that has ended, or let it wait for what it still needs; the row is locked."""
    unmet = job.dependencies.filter(met=False).count() if job.status == JobStatus.BLOCKED else 0
    move(
        job,
        JobStatus.WAITING if unmet else JobStatus.QUEUED,
        by=by,
        event=event,
        payload={"tool": fields.get("tool", job.tool)},
        reason="",
        summary="",
        retry_budget_start=job.attempts_made,
        cancelled_by="",
        unmet_dependencies=unmet,
        on_hold=False,
        queue=served_queue(job),
        **fields,
    )
    rearm(job, by)
    return job


def release(job: Job, *, by: str) -> Job:
    """Release a held or quarantined job: it is queued, or waits for what it still needs."""
    with db.atomic():
        job = _locked(job)
        _require(Verb.RELEASE, job)
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
        Job.objects.filter(pk=job.pk).update(on_hold=False, summary="", version=F("version") + 1)
        job.on_hold = False
        events.record("job.released", job=job, by=by)
        failed = Q(needs__status__in=FINAL) | Q(needs_workstream__jobs__status__in=NOT_COMPLETED)
        Dependency.objects.filter(failed, job=job, met=False).update(met=True)
        recount(job, by=by)
        return job


def close(job: Job, *, by: str) -> Job:
    """Accept that a quarantined job failed."""
    with db.atomic():
        job = _locked(job)
        _require(Verb.CLOSE, job)
        return move(job, JobStatus.FAILED, by=by, event="job.closed", summary=f"Closed by {by}. {job.summary}"[:500])


def hold(job: Job, *, by: str) -> Job:
    """Keep a job from starting until it is released; asking twice is not an error."""
    with db.atomic():
        job = _locked(job)
        _require(Verb.HOLD, job)
        if changes_nothing(Verb.HOLD, job):
            return job
        if job.status == JobStatus.QUEUED:
            return move(job, JobStatus.WAITING, by=by, event="job.held", on_hold=True, summary=f"Held by {by}.")
        Job.objects.filter(pk=job.pk).update(on_hold=True, version=F("version") + 1)
        job.on_hold = True
        events.record("job.held", job=job, by=by)
        return job


def review(job: Job, *, by: str, verdict: str, message: str = "") -> Job:
    """Give a job in review its verdict; `request_changes` makes a new attempt that is given `message`."""
    with db.atomic():
        job = _locked(job)
        _require(Verb.REVIEW, job)
        decided, payload = verdict_of(verdict), {"message": message}
        match decided:
            case ReviewVerdict.APPROVE:
                said = f"Approved by {by}."
                return move(job, JobStatus.COMPLETED, by=by, event="review.approved", payload=payload, summary=said)
            case ReviewVerdict.REJECT:
                said = f"Rejected by {by}. {message}"[:500]
                return move(
                    job,
                    JobStatus.REJECTED,
                    by=by,
                    event="review.rejected",
                    payload=payload,
                    reason="refused",
                    summary=said,
                )
            case ReviewVerdict.REQUEST_CHANGES:
                return move(
                    job,
                    JobStatus.QUEUED,
                    by=by,
                    event="review.changes_requested",
                    payload=payload,
                    retry_budget_start=job.attempts_made,
                    next_command=with_changes(job, message),
                    queue=served_queue(job),
                    handoff={"cause": "changes requested", "message": message},
                )
            case _:
                assert_never(decided)
