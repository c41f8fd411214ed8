"""Roll-ups: the status, the lane and the words for many jobs, from their number in each state."""

from collections.abc import Mapping
from enum import StrEnum

from jobs.states import ALIVE, FAILURES, FINAL, NEEDS_ATTENTION, JobStatus, RunStatus

Counts = Mapping[str, int]  # state -> number of jobs; a state without jobs may be left out
# Jobs in these states say nothing about whether work has begun.
NOT_BEGUN = (JobStatus.WAITING, JobStatus.QUEUED, JobStatus.CANCELLED, JobStatus.BLOCKED)


class Lane(StrEnum):
    """Where a workstream stands; the word is also the state that its card looks like."""

    WAITING = "waiting"
    RUNNING = "running"
    RETRYING = "retrying"
    REVIEW = "review"
    COMPLETED = "completed"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


# The first of these that any job is in decides: what is under way, who is asked, what failed, what is still to come.
_DECIDING: tuple[tuple[Lane, tuple[JobStatus, ...]], ...] = (
    (Lane.RUNNING, ALIVE),
    (Lane.RETRYING, (JobStatus.RETRYING,)),
    (Lane.REVIEW, NEEDS_ATTENTION),
    (Lane.FAILED, FAILURES),
    (Lane.WAITING, (JobStatus.WAITING, JobStatus.QUEUED)),
    (Lane.BLOCKED, (JobStatus.BLOCKED,)),
    (Lane.COMPLETED, (JobStatus.COMPLETED,)),
    (Lane.CANCELLED, (JobStatus.CANCELLED,)),
)
_WORDS = {Lane.COMPLETED: "done", Lane.RETRYING: "fixing", Lane.REVIEW: "in review"}
ORDER = (
    Lane.COMPLETED,
    Lane.RUNNING,
    Lane.RETRYING,
    Lane.REVIEW,
    Lane.FAILED,
    Lane.BLOCKED,
    Lane.CANCELLED,
    Lane.WAITING,
)


def lane_of(counts: Counts) -> Lane:
    """One lane for all the jobs of a workstream; `waiting` while it has none."""
    return next((lane for lane, states in _DECIDING if any(counts.get(state) for state in states)), Lane.WAITING)


def status_of(counts: Counts) -> RunStatus:
    """The status of a run or workstream with these jobs. `pending`: there are none, or none has begun."""
    present = {JobStatus(state) for state, number in counts.items() if number}
    if not present <= set(FINAL):
        return RunStatus.PENDING if present <= set(NOT_BEGUN) else RunStatus.RUNNING
    match lane_of(counts):
        case Lane.FAILED:
            return RunStatus.FAILED
        case Lane.BLOCKED:  # by a parent that somebody cancelled, or by a failure that may be in another run
            return RunStatus.CANCELLED if JobStatus.CANCELLED in present else RunStatus.FAILED
        case Lane.COMPLETED:
            return RunStatus.COMPLETED
        case Lane.CANCELLED:
            return RunStatus.CANCELLED
    return RunStatus.PENDING


def in_words(lanes: Mapping[Lane, int], *, blocked_by_it: bool = False) -> str:
    """`14 done, 1 failed, 25 blocked by it`. `blocked_by_it`: the one failure is what the blocked ones wait for."""
    words = {lane: _WORDS.get(lane, lane.value) for lane in Lane}
    if blocked_by_it and lanes.get(Lane.FAILED) == 1:
        words[Lane.BLOCKED] = "blocked by it"
    return ", ".join(f"{lanes[lane]} {words[lane]}" for lane in ORDER if lanes.get(lane))
