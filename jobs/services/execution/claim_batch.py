"""Claim many: what `claim_next` does job by job, in one transaction and about ten statements for any number of jobs."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import DataError, IntegrityError

from jobs import db
from jobs.errors import WrongState
from jobs.models import Event, Job, StepAttempt
from jobs.queue.limits import Alive, Limits
from jobs.services.core import events
from jobs.services.execution.claim import Claimant, claim_next, new_attempt, worker_name
from jobs.sql import attempts, controls, jobs, runs, workstreams
from jobs.sql.jobs import Candidate
from jobs.sql.model_rows import insert_keyed
from jobs.states import JobStatus

log = logging.getLogger("engine.claim")
AHEAD = 16  # candidates beyond the free slots: so many may be kept back by a limit before a second look is needed


def claim_batch(claimant: Claimant, free: int) -> list[StepAttempt]:
    """Take the best jobs that their limits allow, the best first: `free` of them, or as many as there are slots or jobs."""
    try:
        while free > 0 and jobs.any_queued(claimant.queues):
            try:
                return _claim(claimant, free)
            except WrongState:
                continue  # somebody was faster with all that were chosen
    except (IntegrityError, DataError):
        # One row that was edited by hand must not hold the others: one at a time, the reference knows what to do with it.
        log.exception("a batch of claims was refused; the jobs are claimed one at a time")
        return _one_at_a_time(claimant, free)
    return []


def _one_at_a_time(claimant: Claimant, free: int) -> list[StepAttempt]:
    claimed: list[StepAttempt] = []
    while len(claimed) < free and (attempt := claim_next(claimant)):
        claimed.append(attempt)
    return claimed


def _claim(claimant: Claimant, free: int) -> list[StepAttempt]:
    with db.atomic():
        db.take_claim_mutex()
        busy, draining = attempts.busy(claimant.node)
        free = 0 if draining else min(free, claimant.slots - busy)
        chosen = _choose(claimant, free) if free > 0 else []
        return _open(chosen, claimant, db.now()) if chosen else []


def _choose(claimant: Claimant, free: int) -> list[Candidate]:
    """The best that may start together. Each one chosen counts for those that follow."""
    asked = free + AHEAD
    best = jobs.best(claimant.queues, asked)
    if not best:
        return []
    tools, queues = controls.both()
    limits = Limits((Alive(*row) for row in jobs.alive()), tools, queues)
    chosen = _admitted(best, limits, free)
    while len(chosen) < free and len(best) == asked:  # there are more: look past those that cannot start
        asked = free - len(chosen) + AHEAD
        rest = limits.apply(Job.objects.claimable().filter(queue__in=claimant.queues))
        rest = rest.exclude(pk__in=[job.id for job in chosen])
        best = [Candidate(*row) for row in rest.values_list(*Candidate._fields)[:asked]]
        chosen += _admitted(best, limits, free - len(chosen))
    trials = limits.trials(job.tool for job in chosen)
    if trials:
        controls.begin_trials(trials)
    return chosen


def _admitted(candidates: Sequence[Candidate], limits: Limits, most: int) -> list[Candidate]:
    admitted: list[Candidate] = []
    for job in candidates:
        if len(admitted) == most:
            break
        if limits.admit(job):
            admitted.append(job)
    return admitted


def _open(chosen: Sequence[Candidate], claimant: Claimant, at: datetime) -> list[StepAttempt]:
    claimed = jobs.claim(chosen, at)
    if not claimed:
        raise WrongState("None of the jobs is queued any more.")
    streams = workstreams.named(sorted({job.workstream_id for job in claimed}))
    again = [job.pk for job in claimed if job.attempts_made > 1]
    previous = attempts.latest(again) if again else {}
    opened = []
    for job in claimed:
        job.workstream = streams[job.workstream_id]
        opened.append(new_attempt(job, claimant, previous.get(job.pk), at))
    insert_keyed(opened, "job_id")
    events.record_all([_claimed(attempt, claimant) for attempt in opened])
    runs.begin(sorted({job.run_id for job in claimed}), at)
    workstreams.begin(sorted(streams), at)
    return opened


def _claimed(attempt: StepAttempt, claimant: Claimant) -> Event:
    return events.event(
        "job.running",
        job=attempt.job,
        by=worker_name(claimant),
        old=JobStatus.QUEUED,
        new=JobStatus.RUNNING,
        attempt=attempt.number,
        tool=attempt.step_name,
    )
