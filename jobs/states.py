"""The statuses, the named sets of them, what may follow what, and what a person may do in which.

A set that two modules need is defined here alone.
"""

from enum import StrEnum

from django.db.models import TextChoices


class JobStatus(TextChoices):
    WAITING = "waiting"  # blocked: dependencies or a hold
    QUEUED = "queued"  # ready; any worker may claim it
    RUNNING = "running"  # one attempt is alive
    RETRYING = "retrying"  # waits for `not_before`: back-off or quota reset
    CANCELLING = "cancelling"  # asked to stop; the attempt is being ended
    REVIEW = "review"  # good, waits for a person
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout", "Timed out"
    CANCELLED = "cancelled"
    REJECTED = "rejected"  # a person said no
    BLOCKED = "blocked"  # something it depends on did not complete
    QUARANTINED = "quarantined"  # stopped on purpose; needs a person

    @property
    def phrase(self) -> str:
        """How a sentence goes on after "Job x is"."""
        return "in review" if self is JobStatus.REVIEW else self.label.lower()


class AttemptStatus(TextChoices):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout", "Timed out"
    CANCELLED = "cancelled"
    LOST = "lost"  # its worker died or had to hand it back


class RunStatus(TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ErrorState(TextChoices):
    OPEN = "open"
    MUTED = "muted"
    RESOLVED = "resolved"


class Priority(TextChoices):
    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class WaitType(StrEnum):
    """Why a job has not started."""

    HOLD = "hold"  # a person keeps it
    DEPENDENCY = "dependency"
    DELAY = "delay"  # its next attempt has a time
    QUEUE = "queue"  # the queue is paused or full
    TOOL = "tool"  # the tool is paused, full or not trusted
    REPOSITORY = "repository"  # another job writes in the same working tree
    CONCURRENCY_KEY = "concurrency_key"
    NO_WORKER = "no_worker"  # nobody serves its queue
    TURN = "turn"  # nothing but a free slot is missing


class Verb(StrEnum):
    """What a person or a script may ask of a job."""

    CANCEL = "cancel"
    RETRY = "retry"
    ESCALATE = "escalate"
    RELEASE = "release"
    CLOSE = "close"
    HOLD = "hold"
    REVIEW = "review"


class ReviewVerdict(StrEnum):
    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"  # a new attempt is given the reviewer's message
    REJECT = "reject"


class CircuitState(TextChoices):
    CLOSED = "closed"  # the tool is trusted
    OPEN = "open"  # too many infrastructure failures: nothing starts
    HALF_OPEN = "half_open", "Half-open"  # one trial may start


_S = JobStatus
FINAL = (_S.COMPLETED, _S.FAILED, _S.TIMEOUT, _S.CANCELLED, _S.REJECTED, _S.BLOCKED)
ALIVE = (_S.RUNNING, _S.CANCELLING)  # an attempt of the job may own processes
NEEDS_ATTENTION = (_S.REVIEW, _S.QUARANTINED)  # a person has to decide
SETTLED = (*FINAL, *NEEDS_ATTENTION)  # nothing more happens by itself: who waits for a job stops waiting
FAILURES = (_S.FAILED, _S.TIMEOUT, _S.REJECTED)  # the work was tried and is not good
UNSUCCESSFUL = (*FAILURES, _S.BLOCKED)  # nobody stopped it, and the work is not done
NOT_COMPLETED = tuple(status for status in FINAL if status != _S.COMPLETED)  # what depends on such a job cannot start
ACTIVE_RUNS = (RunStatus.PENDING, RunStatus.RUNNING)
NEXT: dict[JobStatus, frozenset[JobStatus]] = {
    _S.WAITING: frozenset({_S.QUEUED, _S.CANCELLED, _S.BLOCKED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.WAITING, _S.CANCELLED, _S.TIMEOUT}),
    _S.RUNNING: frozenset(
        {
            _S.COMPLETED,
            _S.FAILED,
            _S.TIMEOUT,
            _S.RETRYING,
            _S.QUEUED,
            _S.REVIEW,
            _S.CANCELLING,
            _S.CANCELLED,
            _S.QUARANTINED,
        }
    ),
    _S.RETRYING: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.CANCELLING: frozenset({_S.CANCELLED}),
    _S.REVIEW: frozenset({_S.COMPLETED, _S.QUEUED, _S.REJECTED, _S.CANCELLED}),
    _S.QUARANTINED: frozenset({_S.QUEUED, _S.FAILED, _S.CANCELLED}),
    # Final, except that a person may ask for a new attempt.
    _S.COMPLETED: frozenset({_S.QUEUED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.TIMEOUT: frozenset({_S.QUEUED}),
    _S.CANCELLED: frozenset({_S.QUEUED}),
    _S.REJECTED: frozenset({_S.QUEUED}),
    _S.BLOCKED: frozenset({_S.QUEUED, _S.WAITING}),
}

_RESTARTABLE = frozenset({*FINAL, _S.QUARANTINED, _S.RETRYING})
# jobs/services/operations/action_rules.py adds what else a verb depends on: permissions, locks, dependencies, tools.
ALLOWED_FROM: dict[Verb, frozenset[JobStatus]] = {
    Verb.CANCEL: frozenset(set(_S) - set(FINAL)),
    Verb.RETRY: _RESTARTABLE,
    Verb.ESCALATE: _RESTARTABLE,
    Verb.RELEASE: frozenset({_S.QUARANTINED, _S.WAITING}),  # waiting: only if it is held
    Verb.CLOSE: frozenset({_S.QUARANTINED}),
    Verb.HOLD: frozenset({_S.QUEUED, _S.WAITING}),
    Verb.REVIEW: frozenset({_S.REVIEW}),
}

_A = AttemptStatus
ATTEMPT_FINAL = (_A.COMPLETED, _A.FAILED, _A.TIMEOUT, _A.CANCELLED, _A.LOST)
ATTEMPT_NEXT: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    _A.RUNNING: frozenset(ATTEMPT_FINAL),
    **{final: frozenset() for final in ATTEMPT_FINAL},
}
