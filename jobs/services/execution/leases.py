"""Leases of a runner's attempts: the heartbeat, the keepers' watchdogs, and what other processes decided meanwhile."""

import logging
import time
from datetime import timedelta

from django.conf import settings

from jobs import db
from jobs.models import Job, StepAttempt
from jobs.services.execution.active import Active
from jobs.services.execution.runner_state import RunnerState
from jobs.sql import attempts as rows
from jobs.states import JobStatus

log = logging.getLogger("engine.runner")
STATE_OF_JOB = ("pk", "status", "fence", "cancel_grace_s")


def extend(state: RunnerState) -> None:
    """One heartbeat for all. What is no longer ours is stopped before the keepers hear that the rest may go on."""
    asked_at = time.monotonic()  # from before the question: a watchdog must never run longer than its lease
    until = db.now() + timedelta(seconds=settings.ENGINE_LEASE_S)
    held = rows.beat([(pk, one.attempt.fence, one.log.size) for pk, one in state.active.items()], until)
    for active in state.all():
        if active.attempt.pk in held:
            active.confirmed_at = asked_at
        else:
            _lose(state, active)
    state.pool.heartbeat(max(0.1, settings.ENGINE_WATCHDOG_S - (time.monotonic() - asked_at)))


def look_around(state: RunnerState) -> None:
    """Which jobs were cancelled or taken over, and which logs are watched."""
    of_job = {active.attempt.job_id: active for active in state.active.values()}
    found = {row[0]: row[1:] for row in Job.objects.filter(pk__in=of_job).values_list(*STATE_OF_JOB)}
    for pk, active in of_job.items():
        status, fence, grace_s = found.get(pk, ("", -1, None))
        if fence != active.attempt.fence:
            _lose(state, active)
        elif status == JobStatus.CANCELLING and not active.cancelled:
            active.cancelled = True
            active.stop(settings.ENGINE_CANCEL_GRACE_S if grace_s is None else grace_s)
    watched = StepAttempt.objects.filter(pk__in=state.active, watched_until__gt=db.now())
    keys = set(watched.values_list("pk", flat=True))
    for pk, active in state.active.items():
        active.log.watched = pk in keys


def _lose(state: RunnerState, active: Active) -> None:
    active.lost = True
    if active.running is not None and active.ending is None:
        active.stop(0.0, cause="lifeline")  # dropped when its processes are gone
    else:
        drop_lost(state, active)


def drop_lost(state: RunnerState, active: Active) -> None:
    log.warning("%s has been taken over; its processes were ended and nothing more is written", active.name)
    state.drop(active)
