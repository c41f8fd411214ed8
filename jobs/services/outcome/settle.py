"""Settle: an attempt's end becomes, in one transaction, its record, its error, its event and the job's next state."""

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any, assert_never

from adapters.escalation import steps_of
from adapters.process import Ending
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import LostLease, WrongState
from jobs.models import Job, StepAttempt
from jobs.queue.wake import wake
from jobs.services.core.sanitize import fit, storable
from jobs.services.core.transitions import move
from jobs.services.outcome import error_groups
from jobs.services.outcome.attempt_record import closing_event, closing_fields
from jobs.services.outcome.circuit_breaker import note_outcome
from jobs.services.outcome.handoff import build_handoff, require_set_up
from jobs.services.outcome.retry_policy import Decision, FollowUp, Past, Policy, decide
from jobs.states import ALIVE, AttemptStatus, JobStatus

log = logging.getLogger("engine.settle")


def settle(
    attempt: StepAttempt,
    verdict: Verdict,
    ending: Ending | None = None,
    *,
    by: str = "engine",
    head_commit: str = "",
    error_report: str = "",
) -> Decision:
    """Close the attempt and move its job on.

    Raises LostLease when the attempt is not ours any more; then nothing is written.
    """
    verdict = fit(verdict)
    with db.atomic():
        job = Job.objects.select_for_update(of=("self",)).select_related("workstream").get(pk=attempt.job_id)
        if job.fence != attempt.fence or job.status not in ALIVE:
            raise LostLease(f"Attempt {attempt.number} of {job.job_id} is no longer ours.")
        if job.status == JobStatus.CANCELLING and verdict.reason is not Reason.OK:
            sentence = f"Cancelled by {job.cancelled_by or 'a person'}."
            verdict = replace(verdict, reason=Reason.CANCELLED, summary=sentence, rule="cancel", reset_at=None)
        _close(attempt, job, verdict, ending, head_commit, error_report)
        decision, handoff = _hand_over(job, attempt, verdict, _decide(job, attempt, verdict))
        note_outcome(attempt.step_name, verdict)
        closing_event(job, attempt, verdict, ending, decision.action, by).save(force_insert=True)
        _follow(job, attempt, verdict, decision, handoff)
        db.on_commit(wake)  # a slot is free
    return decision


def _close(
    attempt: StepAttempt, job: Job, verdict: Verdict, ending: Ending | None, head_commit: str, error_report: str
) -> None:
    fields = closing_fields(
        attempt, job.job_id, verdict, ending, head_commit=head_commit, error_report=error_report, at=db.now()
    )
    if not verdict.success and verdict.reason not in (Reason.CANCELLED, Reason.LOST):
        fields["error"] = error_groups.note(attempt, verdict, job)
    ours = StepAttempt.objects.filter(pk=attempt.pk, fence=attempt.fence, status=AttemptStatus.RUNNING)
    if not ours.update(**fields):
        raise LostLease(f"Attempt {attempt.number} of {job.job_id} has been closed by somebody else.")
    for name, value in fields.items():
        setattr(attempt, name, value)


def _decide(job: Job, attempt: StepAttempt, verdict: Verdict, *, alone: bool = False) -> Decision:
    """What the rules say; `alone`: without another tool. An attempt must not stay open because they cannot be read."""
    if verdict.reason is Reason.CANCELLED or job.status == JobStatus.CANCELLING:
        return Decision(FollowUp.CANCELLED)
    history = [
        Past(
            row.reason,
            row.exit_code,
            row.escalation_level,
            row.error.signature if row.error else "",
            bool(row.verdict.get("parked")),
        )
        for row in job.attempts.filter(number__gt=job.retry_budget_start).select_related("error").order_by("number")
    ]
    options = job.options
    # What a program ran by itself, nobody here can run again.
    repeatable = options.repeatable and attempt.worker_pid is not None
    try:
        policy = Policy.parse(options.retry_policy)
        decision = decide(
            replace(policy, escalation_chain=()) if alone else policy,
            verdict,
            attempt.exit_code,
            history,
            escalation_level=job.escalation_level,
            repeatable=repeatable,
            review=options.review,
            now=time.time(),
        )
    except Exception as defect:
        log.exception("what follows attempt %s cannot be decided", attempt.pk)
        sentence = f"{verdict.summary}; what follows could not be decided: {defect!r}"
        return Decision(FollowUp.DONE) if verdict.success else Decision(FollowUp.FAIL, sentence=sentence)
    if decision.action is FollowUp.PARK:
        attempt.verdict["parked"] = True
        StepAttempt.objects.filter(pk=attempt.pk).update(verdict=attempt.verdict)
    return decision


def _hand_over(job: Job, attempt: StepAttempt, verdict: Verdict, decision: Decision) -> tuple[Decision, dict[str, Any]]:
    """The context for the next tool that can take over; where none can, the job goes on as if its policy named none."""
    if decision.action is not FollowUp.ESCALATE:
        return decision, {}
    refusals = []
    steps = steps_of(job.options.retry_policy)
    for level, step in enumerate(steps[job.escalation_level :], job.escalation_level + 1):
        try:
            require_set_up(job, step)
            handoff = storable(build_handoff(job, attempt, verdict, step))
        except Exception as refusal:
            log.warning("job %s cannot be handed over to %s: %r", job.job_id, step.tool, refusal)
            refusals.append(f"it could not be handed over to {step.tool}: {str(refusal).rstrip('.')}")
        else:
            sentence = "; ".join([f"Escalated to {step.tool}", *refusals])
            return replace(decision, tool=step.tool, level=level, sentence=f"{sentence}."), handoff
    alone = _decide(job, attempt, verdict, alone=True)
    return replace(alone, sentence="; ".join([verdict.summary, *refusals])), {}


def _follow(job: Job, attempt: StepAttempt, verdict: Verdict, decision: Decision, handoff: dict[str, Any]) -> None:
    said = {"reason": verdict.reason.value, "summary": (decision.sentence or verdict.summary)[:500]}
    payload = {"attempt": attempt.number, "reason": verdict.reason.value}
    match decision.action:
        case FollowUp.DONE:
            move(job, JobStatus.COMPLETED, payload=payload, reason="ok", summary=verdict.summary[:500])
        case FollowUp.REVIEW:
            move(job, JobStatus.REVIEW, payload=payload, reason="ok", summary=verdict.summary[:500])
        case FollowUp.CANCELLED:
            _cancelled(job, verdict, payload)
        case FollowUp.REQUEUE:
            move(job, JobStatus.QUEUED, payload=payload, **said, handoff={**job.handoff, "cause": "lost"})
        case FollowUp.RETRY | FollowUp.PARK:
            cause = "retried" if decision.action is FollowUp.RETRY else "parked"
            _later(
                job,
                decision,
                {**payload, "delay_s": round(decision.delay_s, 1)},
                said,
                handoff={**job.handoff, "cause": cause},
            )
        case FollowUp.ESCALATE:
            _later(
                job,
                decision,
                {**payload, "tool": decision.tool, "from": attempt.step_name},
                said,
                tool=decision.tool,
                escalation_level=decision.level,
                next_command=handoff.pop("command"),
                handoff=handoff,
            )
        case FollowUp.QUARANTINE:
            move(job, JobStatus.QUARANTINED, payload=payload, **said)
        case FollowUp.TIMEOUT:
            move(job, JobStatus.TIMEOUT, payload=payload, **said)
        case FollowUp.FAIL:
            move(job, JobStatus.FAILED, payload=payload, **said)
        case _:
            assert_never(decision.action)


def _cancelled(job: Job, verdict: Verdict, payload: dict[str, Any]) -> None:
    sentence = f"Cancelled by {job.cancelled_by}." if job.cancelled_by else verdict.summary
    try:
        move(job, JobStatus.CANCELLED, payload=payload, reason="cancelled", summary=sentence[:500])
    except WrongState:
        log.exception("job %s could not be closed as cancelled", job.job_id)
        raise


def _later(job: Job, decision: Decision, payload: dict[str, Any], said: dict[str, str], **fields: Any) -> None:
    """Queue it at once, or let it wait for its time without holding a worker."""
    event = {FollowUp.ESCALATE: "job.escalated", FollowUp.PARK: "job.parked"}.get(decision.action, "job.retrying")
    move(
        job,
        JobStatus.RETRYING,
        event=event,
        payload=payload,
        **said,
        **fields,
        not_before=db.now() + timedelta(seconds=decision.delay_s),
    )
    if decision.delay_s <= 0:
        job.refresh_from_db()
        move(job, JobStatus.QUEUED)
