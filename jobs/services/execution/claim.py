"""Claiming: one short transaction takes the best job that its limits allow and opens an attempt with a new fence."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F

from adapters.process.sweep import own_identity
from jobs import db
from jobs.errors import WrongState
from jobs.models import Job, Node, StepAttempt, ToolControl
from jobs.queue.limits import Limits
from jobs.services.core.transitions import move
from jobs.sql.attempts import Previous
from jobs.states import AttemptStatus, CircuitState, JobStatus


@dataclass(frozen=True)
class Claimant:
    """Who claims: a worker process of a node."""

    node: str
    host: str
    queues: Sequence[str]
    slots: int
    pid: int
    pid_started: int

    @classmethod
    def this_process(cls, queues: Sequence[str] | None = None, node: str = "", slots: int = 0) -> "Claimant":
        pid, started = own_identity()
        return cls(
            node=node or settings.ENGINE_NODE,
            host=settings.ENGINE_NODE,
            queues=tuple(queues if queues is not None else settings.ENGINE_QUEUES),
            slots=slots or settings.ENGINE_SLOTS,
            pid=pid,
            pid_started=started,
        )


def anything_claimable(queues: Sequence[str]) -> bool:
    """A cheap look without a lock; the claim decides."""
    return Job.objects.claimable().filter(queue__in=queues).exists()


def claim_next(claimant: Claimant) -> StepAttempt | None:
    """Take the best claimable job, or None when there is none, or no slot is free on the claimant's node."""
    while anything_claimable(claimant.queues):
        try:
            return _claim_best(claimant)
        except WrongState:
            continue  # somebody cancelled or held it between our look and our update
    return None


def _claim_best(claimant: Claimant) -> StepAttempt | None:
    with db.atomic():
        db.take_claim_mutex()
        busy = StepAttempt.objects.alive().filter(node=claimant.node).count()
        if busy >= claimant.slots or Node.objects.filter(name=claimant.node, draining=True).exists():
            return None
        jobs = Limits.read().apply(Job.objects.claimable().filter(queue__in=claimant.queues))
        job = jobs.first()  # its workstream is read apart: a join could make SQLite sort
        return _open_attempt(job, claimant) if job else None


def _open_attempt(job: Job, claimant: Claimant) -> StepAttempt:
    at = db.now()
    ToolControl.objects.filter(name=job.tool, circuit=CircuitState.OPEN).update(circuit=CircuitState.HALF_OPEN)
    previous = job.latest_attempt()
    # A row that was edited by hand must not stand in everybody's way.
    number = max(job.attempts_made, previous.number if previous else 0) + 1
    move(
        job,
        JobStatus.RUNNING,
        by=worker_name(claimant),
        payload={"attempt": number, "tool": job.tool},
        fence=job.fence + 1,
        attempts_made=number,
        started_at=job.started_at or at,
        reason="",
        summary="",
    )
    attempt = new_attempt(job, claimant, previous, at)
    attempt.save(force_insert=True)
    return attempt


def worker_name(claimant: Claimant) -> str:
    """Who is named in the events of a claim."""
    return f"worker {claimant.node}"


def new_attempt(job: Job, claimant: Claimant, previous: Previous | StepAttempt | None, at: datetime) -> StepAttempt:
    """The attempt of a job that has just been claimed, not written yet; `previous` is the job's latest one before it."""
    marker = secrets.token_hex(16)
    return StepAttempt(
        run_id=job.run_id,
        ws_id=job.workstream.ws_id,
        step_name=job.tool,
        started_at=at,
        job=job,
        number=job.attempts_made,
        escalation_level=job.escalation_level,
        cause=job.handoff.get("cause", "submitted" if previous is None else "retried"),
        escalated_from_id=previous.id if previous and previous.step_name != job.tool else None,
        handoff=job.handoff,
        result_json={"job_id": job.job_id},
        fence=job.fence,
        marker=marker,
        node=claimant.node,
        host=claimant.host,
        worker_pid=claimant.pid,
        worker_started=claimant.pid_started,
        lease_until=at + timedelta(seconds=settings.ENGINE_LEASE_S),
        log_dir=f"attempts/{at:%Y-%m}/{marker}",
    )


def extend_lease(attempt: StepAttempt, **noted: Any) -> bool:
    """One beat, with what is `noted` beside it. False: it is no longer ours, so kill the child and write nothing more."""
    until = db.now() + timedelta(seconds=settings.ENGINE_LEASE_S)
    ours = StepAttempt.objects.filter(pk=attempt.pk, fence=attempt.fence, status=AttemptStatus.RUNNING)
    return ours.update(**noted, heartbeat=F("heartbeat") + 1, lease_until=until) == 1
