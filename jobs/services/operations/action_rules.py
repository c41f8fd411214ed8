"""What may be done to a job now: the one answer for the actions, their dry run and the buttons of a page."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from jobs.errors import InvalidDocument, NotAllowed, Refused, WrongState
from jobs.models import Job
from jobs.services.operations.next_commands import escalation, with_changes
from jobs.services.submission.dependencies import failed_need
from jobs.services.submission.submit import lock_refusal
from jobs.states import ALLOWED_FROM, JobStatus, ReviewVerdict, Verb

RESTARTS = (Verb.RETRY, Verb.ESCALATE)
# How the sentence "Job x is running; ..." ends.
WHEN = {
    Verb.CANCEL: "only a job that has not ended can be cancelled",
    Verb.RETRY: "cancel it or wait for its end, then it can be retried",
    Verb.ESCALATE: "cancel it or wait for its end, then it can be escalated",
    Verb.RELEASE: "only held or quarantined jobs can be released",
    Verb.CLOSE: "only quarantined jobs can be closed",
    Verb.HOLD: "only waiting and queued jobs can be held",
    Verb.REVIEW: "only jobs in review take a verdict",
}


@dataclass(frozen=True)
class Order:
    """What was asked for beside the verb. Each verb reads its own fields."""

    grace_s: float | None = None  # cancel
    command: dict[str, Any] | None = None  # retry, escalate: instead of the document's or the adapter's
    tool: str = ""  # escalate
    verdict: str = ""  # review
    message: str = ""  # review


class Asker(Protocol):
    """`jobs.access.Actor` for people and their tokens, or Unrestricted."""

    @property
    def name(self) -> str: ...

    def refusal_to(self, verb: Verb, job: Job) -> NotAllowed | None: ...


@dataclass(frozen=True)
class Unrestricted:
    """For processes on a host: who may write to its database may do everything."""

    name: str

    def refusal_to(self, verb: Verb, job: Job) -> NotAllowed | None:
        return None


class ActionRules:
    """One look at a job: what it depends on is read once, and only if a verb needs it."""

    def __init__(self, job: Job, asker: Asker | None = None) -> None:
        self.job = job
        self.asker = asker

    def refusal(self, verb: Verb, order: Order | None = None) -> Refused | None:
        """What the action would raise, or None if it would pass. Without an order its fields count as well chosen."""
        return (
            self._of_permission(verb) or self._of_state(verb) or self._of_obstacle(verb) or self._of_order(verb, order)
        )

    def possible(self) -> list[Verb]:
        """The verbs that would pass and change something: those that a page offers."""
        return [verb for verb in Verb if not changes_nothing(verb, self.job) and self.refusal(verb) is None]

    def why_not_again(self) -> str:
        """What keeps the job from being started again although its state and the permission allow it; else empty."""
        if self._of_permission(Verb.RETRY) or self._of_state(Verb.RETRY) or self._obstacle is None:
            return ""
        return self._obstacle.message

    def _of_permission(self, verb: Verb) -> Refused | None:
        return self.asker.refusal_to(verb, self.job) if self.asker else None

    def _of_state(self, verb: Verb) -> Refused | None:
        status = JobStatus(self.job.status)
        not_held = verb is Verb.RELEASE and status == JobStatus.WAITING and not self.job.on_hold
        if status in ALLOWED_FROM[verb] and not not_held:
            return None
        return WrongState(f"Job {self.job.job_id} is {status.phrase}; {WHEN[verb]}.", state=status.value)

    def _of_obstacle(self, verb: Verb) -> Refused | None:
        return self._obstacle if verb in RESTARTS else None

    @cached_property
    def _obstacle(self) -> Refused | None:
        """What keeps a job from starting again although its state allows it."""
        job = self.job
        failed = failed_need(job) if job.status == JobStatus.BLOCKED else None
        if failed is None:
            return lock_refusal(job.workstream.ws_id)
        return lock_refusal(job.workstream.ws_id) or WrongState(
            f"Job {job.job_id} is blocked: {failed.job_id} ended as {failed.status}. Retry that one; "
            f"{job.job_id} then waits for it again.",
            state=job.status,
        )

    def _of_order(self, verb: Verb, order: Order | None) -> Refused | None:
        """Whether the fields of the order can be followed; the commands are built as the action would build them."""
        if order is None:
            return None
        try:
            match verb:
                case Verb.ESCALATE:
                    escalation(self.job, order.tool, order.command)
                case Verb.REVIEW if verdict_of(order.verdict) is ReviewVerdict.REQUEST_CHANGES:
                    with_changes(self.job, order.message)
        except Refused as refusal:
            return refusal
        return None


def refusal(verb: Verb, job: Job, asker: Asker | None = None, order: Order | None = None) -> Refused | None:
    """Why `verb` cannot be done to `job` now, or None."""
    return ActionRules(job, asker).refusal(verb, order)


def changes_nothing(verb: Verb, job: Job) -> bool:
    """Whether the job is already as the verb would make it. Asking again is no error, and no event."""
    if verb is Verb.CANCEL:
        return job.status == JobStatus.CANCELLING
    return verb is Verb.HOLD and job.status == JobStatus.WAITING and job.on_hold


def verdict_of(word: str) -> ReviewVerdict:
    if word not in ReviewVerdict:
        raise InvalidDocument(f"Unknown verdict {word!r}; use approve, request_changes or reject.")
    return ReviewVerdict(word)
