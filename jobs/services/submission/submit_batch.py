"""Submit many: the rows of any number of jobs in one transaction and three to seven statements."""

from collections.abc import Sequence

from django.db import DataError, IntegrityError

from jobs import db
from jobs.models import Event, Job, Workstream
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.core.transitions import queue_fields
from jobs.services.submission.dependencies import link
from jobs.sql import runs, workstreams
from jobs.sql.model_rows import insert_keyed
from jobs.states import JobStatus

Name = tuple[str, str]  # of a workstream: its run's, and its own


def submit_batch(drafts: Sequence[Job]) -> list[Job] | None:
    """Write the jobs, with what else they need. None: not all of them can be written, and nothing was.

    Those that depend on others are linked one by one. Raises DependencyCycle and InvalidDocument as `link` does.
    """
    try:
        with db.atomic():
            return _write(drafts) if _have_workstreams(drafts) else None
    except (IntegrityError, DataError):
        return None  # a job_id that is taken, for example; which one, the reference finds out


def _have_workstreams(drafts: Sequence[Job]) -> bool:
    """Give each job its workstream, made with its run if it is missing. False if one is locked."""
    names = [_name(job) for job in drafts]
    found, locked = _known(names)
    if locked:
        return False
    missing = dict.fromkeys(name for name in names if name not in found)
    if missing:
        created = runs.create(list(dict.fromkeys(run_id for run_id, _ in missing)))
        events.record_all([events.event("run.created", run_id=run_id) for run_id in created])
        workstreams.create(list(missing))
        found, _ = _known(names)
    for job, name in zip(drafts, names, strict=True):
        job.workstream = found[name]
    return True


def _name(job: Job) -> Name:
    return job.run_id, job.spec["workstream_id"]


def _known(names: Sequence[Name]) -> tuple[dict[Name, Workstream], bool]:
    """The workstreams on record, and whether one of these names is locked in any run."""
    rows = workstreams.known(sorted({run_id for run_id, _ in names}), sorted({ws_id for _, ws_id in names}))
    return {(row.run_id, row.ws_id): row for row in rows}, any(row.locked for row in rows)


def _write(drafts: Sequence[Job]) -> list[Job]:
    bound = [job for job in drafts if job.options.depends_on]
    free = [job for job in drafts if not job.options.depends_on]
    for job in free:
        job.status, job.version = JobStatus.QUEUED, 2  # as if it had been waiting before
        for field, value in queue_fields(job, job.created_at).items():
            setattr(job, field, value)
    insert_keyed(drafts, "job_id")
    events.record_all([*map(submitted_event, drafts), *map(_queued_event, free)])
    if bound:
        link(bound)
    db.on_commit(wake)
    return list(drafts)


def submitted_event(job: Job) -> Event:
    return events.event("job.submitted", job=job, by=job.submitted_by, tool=job.tool, priority=job.priority)


def _queued_event(job: Job) -> Event:
    return events.event("job.queued", job=job, old=JobStatus.WAITING, new=JobStatus.QUEUED)
