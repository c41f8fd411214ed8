"""Upkeep: what a node does each second. Every step is a conditional update, so any number of nodes may do it at once."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseFault
from django.db.models import Q

from adapters.process import Ending
from adapters.process.sweep import alive, kill_attempt, read_ending, read_pids
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import Refused
from jobs.models import ErrorGroup, Job, StepAttempt
from jobs.queue.wake import keep_awake
from jobs.services.core.private_queue import private_queue_prefix
from jobs.services.core.transitions import locked, move, recount
from jobs.services.execution import attempts
from jobs.services.maintenance import nodes, retention
from jobs.services.outcome.settle import settle
from jobs.states import ErrorState, JobStatus

log = logging.getLogger("engine.upkeep")
HEAL_S = 30.0
_seen: dict[int, tuple[int, float]] = {}  # attempt -> (its beat, when this process saw it first, monotonic)
_orphaned: dict[int, float] = {}  # attempt -> when its worker was found dead while its shim was still at work
ORPHAN_S = 3.0
UNSEEN_S = 0.5
PRUNE_AT_ONCE = 200  # jobs, each half minute
LEFT_BEHIND = (JobStatus.WAITING, JobStatus.QUEUED, JobStatus.RETRYING)
_healed_at = 0.0


def tick() -> None:
    """One second's work: beat, rescue, promote, expire. Steps are apart, so that one that fails takes no other along."""
    global _healed_at
    nodes.heartbeat()
    look_after_attempts()
    for job in Job.objects.delayed().filter(not_before__lte=db.now())[:200]:
        _guarded(partial(move, job, JobStatus.QUEUED))
    for job in Job.objects.filter(expires_at__lte=db.now()).order_by("expires_at")[:200]:
        _guarded(partial(_expire, job))
    keep_awake()
    if time.monotonic() - _healed_at > HEAL_S:
        _healed_at = time.monotonic()
        heal()
        retention.prune(most=PRUNE_AT_ONCE)


def look_after_attempts() -> None:
    """Close what a dead or silent worker left."""
    living = list(StepAttempt.objects.alive().select_related("job__workstream"))
    _forget({attempt.pk for attempt in living})
    for attempt in living:
        _guarded(partial(_look_after, attempt))


def _forget(living: set[int]) -> None:
    """Keep no memory of attempts that have ended."""
    memories: tuple[dict[int, Any], ...] = (_seen, _orphaned)
    for memory in memories:
        for gone in memory.keys() - living:
            del memory[gone]


def _guarded(step: Callable[[], object]) -> None:
    try:
        step()
    except Refused as faster:
        log.info("upkeep: %s", faster)  # another node did it, or the worker came back in time
    except (DataError, IntegrityError):
        log.exception("upkeep: a step met a row that the database does not take; the others go on")
    except DatabaseFault:
        raise  # it is away: the other steps would meet the same
    except Exception:
        log.exception("upkeep: a step failed; the others go on")


def _look_after(attempt: StepAttempt) -> None:
    """Close an attempt whose worker is dead (same host: at once) or silent (any host: after its lease)."""
    if attempt.worker_pid is None:
        return  # recorded by a program through the store; nobody here runs it
    if attempt.host == settings.ENGINE_NODE and not alive(attempt.worker_pid, attempt.worker_started or 0):
        if _shim_has_ended(attempt):
            rescue(attempt, "its worker process died")
    elif _silent_for(attempt) > settings.ENGINE_LEASE_S:
        rescue(attempt, f"its worker was silent for {settings.ENGINE_LEASE_S:g} s")


def _shim_has_ended(attempt: StepAttempt) -> bool:
    """A shim whose worker died ends the tree and writes exit.json; it gets a moment for that, so that nothing true is lost."""
    pids = read_pids(attempt.directory)
    at = time.monotonic()
    waited = at - _orphaned.setdefault(attempt.pk, at)
    if not pids:
        return waited >= UNSEEN_S  # a shim that has just been told to start sees its worker's end within moments
    return waited > ORPHAN_S or not alive(pids.get("shim_pid", 0), pids.get("shim_starttime", 0))


def _silent_for(attempt: StepAttempt) -> float:
    """Seconds without a beat, by this process's own monotonic clock: no host's wall clock is trusted."""
    beat, since = _seen.get(attempt.pk, (-1, 0.0))
    if beat != attempt.heartbeat:
        _seen[attempt.pk] = (attempt.heartbeat, time.monotonic())
        return 0.0
    return time.monotonic() - since


def rescue(attempt: StepAttempt, cause: str, *, by: str = "upkeep") -> None:
    """End what is left of the attempt here; settle what it recorded, or close it as lost."""
    ending: Ending | None = None
    if attempt.host == settings.ENGINE_NODE:
        swept = kill_attempt(attempt.directory, attempt.marker)
        ending = read_ending(attempt.directory)
        survivors = swept.survivors
    else:
        survivors = 0
    if ending is None or not _counts(ending, attempt):
        verdict = Verdict(Reason.LOST, f"Lost: {cause}.", "lost", details={"survivors": survivors})
        settle(attempt, verdict, by=by)
        return
    outcome = attempts.conclude(attempt, ending)
    settle(attempt, outcome.verdict, ending, by=by, head_commit=outcome.head_commit, error_report=outcome.error_report)


def _counts(ending: Ending, attempt: StepAttempt) -> bool:
    """Whether exit.json tells how the run itself ended; such a run is judged, never run a second time."""
    if ending.ended_by == "cancel":
        # Else its worker was handing it back when it died: nobody cancelled the job.
        return attempt.job.status == JobStatus.CANCELLING
    return ending.ended_by not in ("lifeline", "deadman")


def _expire(job: Job) -> None:
    move(
        job,
        JobStatus.TIMEOUT,
        event="job.expired",
        reason="timeout",
        summary="It waited longer in the queue than its queue_timeout_seconds.",
    )


def _recount(pk: int) -> None:
    with db.atomic():  # inside the guard: a refusal must undo the whole step
        for child in locked([pk]):
            recount(child)


def heal() -> None:
    """Slow safety nets: jobs that wait for nothing, errors whose mute has run out."""
    idle = Job.objects.filter(status=JobStatus.WAITING, on_hold=False).filter(
        Q(unmet_dependencies=0) | ~Q(dependencies__met=False)
    )
    for pk in idle.values_list("pk", flat=True).distinct()[:200]:
        _guarded(partial(_recount, pk))
    for job in Job.objects.filter(status__in=LEFT_BEHIND, queue__startswith=private_queue_prefix()):
        pid, started = map(int, job.queue.split(":")[-2:])
        if not alive(pid, started):
            gone = "The command that ran it has ended."
            _guarded(partial(move, job, JobStatus.CANCELLED, reason="cancelled", summary=gone))
    ErrorGroup.objects.filter(state=ErrorState.MUTED, muted_until__lte=db.now()).update(
        state=ErrorState.OPEN, muted_until=None
    )
