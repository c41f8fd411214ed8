"""Deletion of a job, a workstream or a run by a person, with everything that belongs to it."""

from typing import Any

from django.db.models import ProtectedError, Q, Sum
from django.db.models.functions import Coalesce

from jobs.errors import WrongState
from jobs.models import Dependency, Job, Run, StepAttempt, Workstream
from jobs.models.job import JobQuerySet
from jobs.services.core import events
from jobs.services.maintenance.removal import BATCH_SIZE, Removed, remove_jobs
from jobs.states import FINAL

Deletable = Job | Workstream | Run


def jobs_of(row: Deletable) -> JobQuerySet:
    if isinstance(row, Job):
        return Job.objects.filter(pk=row.pk)
    return Job.objects.filter(workstream=row) if isinstance(row, Workstream) else Job.objects.filter(run=row)


def preview(row: Deletable) -> Removed:
    """What goes with it; nothing is touched."""
    jobs = jobs_of(row)
    attempts = StepAttempt.objects.filter(job__in=jobs.order_by())
    size = attempts.aggregate(size=Coalesce(Sum("log_bytes"), 0))["size"]
    return Removed(jobs.count(), attempts.count(), size)


def require_deletable(row: Deletable) -> None:
    """Raises WrongState while one of its jobs has not ended, or a job elsewhere waits for one of them."""
    jobs = jobs_of(row)
    if open_ := jobs.exclude(status__in=FINAL).count():
        which = f"Job {row} has" if isinstance(row, Job) else f"{open_} of the jobs of {row} have"
        raise WrongState(f"{which} not ended; cancel first, then delete.")
    needed = Q(needs__in=jobs.order_by())
    if not isinstance(row, Job):
        needed |= Q(needs_workstream__in=[row]) if isinstance(row, Workstream) else Q(needs_workstream__run=row)
    waiting = Dependency.objects.filter(needed, met=False).exclude(job__status__in=FINAL).select_related("job").first()
    if waiting:
        raise WrongState(f"Job {waiting.job} waits for {waiting.needs or waiting.needs_workstream}; cancel it first.")


def delete(row: Deletable, *, by: str) -> Removed:
    """Remove it in batches, so that no writer waits long; one that is interrupted can be asked for again."""
    require_deletable(row)
    done = Removed()
    ended = jobs_of(row).filter(status__in=FINAL)
    while batch := list(ended.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE]):
        remove_jobs(batch, ended, done)
    kind = type(row).__name__.lower()
    counts: dict[str, Any] = {"jobs": done.jobs, "attempts": done.attempts, "log_bytes": done.log_bytes}
    if isinstance(row, Job):
        events.record("job.deleted", run_id=row.run_id, ws_id=row.workstream.ws_id, by=by, name=str(row), **counts)
        return done
    run_id = row.run_id if isinstance(row, Workstream) else None
    try:
        row.delete()
    except ProtectedError:
        raise WrongState(f"A job came to {row} meanwhile; nothing more was deleted.") from None
    events.record(f"{kind}.deleted", run_id=run_id, by=by, name=str(row), **counts)
    return done
