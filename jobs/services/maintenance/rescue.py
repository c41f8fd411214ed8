"""Rescue of lost attempts: ends what still runs, and adopts the result if one was recorded."""

import shutil

from django.conf import settings

from adapters.process import EndedBy, Ending
from adapters.process.sweep import alive, kill_attempt, read_ending, read_pids
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import WrongState
from jobs.models import StepAttempt
from jobs.services.execution import attempts
from jobs.services.execution.log_shipping import LogCopy, ship
from jobs.services.outcome.settle import settle
from jobs.states import JobStatus


def rescue(attempt: StepAttempt, cause: str, *, by: str = "maintenance") -> None:
    """Kill what is left of the attempt on this host, and settle it: as recorded, or as lost.

    `cause` completes "Lost: …". Raises LostLease if another process has closed it.
    """
    survivors, ending = 0, None
    if attempt.host == settings.ENGINE_NODE:
        spare = _keeper_serves_others(attempt)
        survivors = kill_attempt(attempt.directory, attempt.marker, spare_keeper=spare).survivors
        ending = read_ending(attempt.directory)
        shutil.rmtree(attempt.temp_dir, ignore_errors=True)
        ship([LogCopy.resumed(attempt)])  # what its worker had not stored yet
    if ending is None or not _is_own_ending(ending, attempt):
        settle(attempt, Verdict(Reason.LOST, f"Lost: {cause}.", "lost", details={"survivors": survivors}), by=by)
        return
    outcome = attempts.judge_orphan(attempt, ending)
    attempts.note_freed_lock(attempt, outcome.freed_lock)
    settle(attempt, outcome.verdict, ending, by=by, head_commit=outcome.head_commit, error_report=outcome.error_report)


def _keeper_serves_others(attempt: StepAttempt) -> bool:
    """Whether this attempt alone is lost: its keeper runs others for a worker that lives and extends their leases."""
    shim_pid = read_pids(attempt.directory).get("shim_pid", attempt.shim_pid)
    others = StepAttempt.objects.alive().filter(host=attempt.host, shim_pid=shim_pid, lease_until__gt=db.now())
    workers = others.exclude(pk=attempt.pk).values_list("worker_pid", "worker_started")
    return any(alive(pid or 0, started or 0) for pid, started in workers.distinct())


def _is_own_ending(ending: Ending, attempt: StepAttempt) -> bool:
    """Whether exit.json says how the run itself ended; such a run is judged, never run a second time."""
    if ending.ended_by is EndedBy.CANCEL:
        # Else its worker was handing it back when it died: nobody cancelled the job.
        return attempt.job.status == JobStatus.CANCELLING
    return ending.ended_by not in (EndedBy.LIFELINE, EndedBy.DEADMAN)


def mark_lost(attempt: StepAttempt, *, by: str) -> None:
    """Close an attempt because a person says that it is dead.

    Raises WrongState before its lease ends: its worker may be alive, and a second one would start.
    """
    name = f"Attempt {attempt.number} of {attempt.job.job_id}"
    if attempt.is_final:
        raise WrongState(f"{name} has already ended.", state=attempt.status)
    if attempt.lease_until and attempt.lease_until > db.now():
        until = f"{attempt.lease_until:%H:%M:%S}"
        raise WrongState(
            f"{name} has a lease until {until}; its worker is alive. Cancel the job instead.", state=attempt.status
        )
    rescue(attempt, f"marked by {by}", by=by)
