"""`move`: the only way a job changes state. One conditional update, one event, and what follows from it, in one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Value
from django.db.models.functions import Coalesce

from jobs import db
from jobs.errors import WrongState
from jobs.models import Dependency, Job, Run, Workstream
from jobs.models.job import JobQuerySet
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.core.roll_up import NOT_BEGUN, status_of
from jobs.states import ACTIVE_RUNS, FINAL, NEXT, JobStatus, RunStatus


def move(
    job: Job,
    to: JobStatus,
    *,
    by: str = "engine",
    event: str = "",
    payload: dict[str, Any] | None = None,
    **fields: Any,
) -> Job:
    """Move `job` to `to`, with `fields` set in the same update; both or neither.

    Raises WrongState if `to` cannot follow the status that `job` was read with, or if another process was faster.
    """
    with db.atomic():
        _change(job, to, by, event, payload or {}, fields)
        changed = [job, *_release_dependants(job)] if to in FINAL else [job]
        # Once for each run, and in one order: two cascades at once do not cross.
        for _, last in sorted({(each.run_id, each.workstream_id): each for each in changed}.items()):
            follow_run(last)
        if to == JobStatus.QUEUED:
            db.on_commit(wake)
    return job


def _change(job: Job, to: JobStatus, by: str, event: str, payload: dict[str, Any], fields: dict[str, Any]) -> None:
    old = JobStatus(job.status)
    if to not in NEXT[old]:
        raise WrongState(f"Job {job.job_id} is {old.phrase}; it cannot become {to.label.lower()}.", state=old)
    at = db.now()
    fields |= {"status": to, "updated_at": at, "finished_at": at if to in FINAL else None, "expires_at": None}
    if to == JobStatus.QUEUED:
        fields |= queue_fields(job, at)
    # Old status and fence in the WHERE clause are the lock: of two callers, one updates a row.
    if not Job.objects.filter(pk=job.pk, status=old, fence=job.fence).update(version=F("version") + 1, **fields):
        raise WrongState(f"Job {job.job_id} is no longer {old.phrase}.", state=old)
    for name, value in fields.items():
        setattr(job, name, value)
    job.version += 1
    events.record(event or f"job.{to}", job=job, by=by, old=old, new=to, **payload)


def queue_fields(job: Job, at: datetime) -> dict[str, Any]:
    """What else changes when a job enters its queue."""
    patience = job.options.queue_timeout_seconds
    expires_at = at + timedelta(seconds=patience) if patience else None
    return {"queued_at": at, "not_before": None, "expires_at": expires_at}


def follow_run(job: Job) -> None:
    """Let the statuses of the run and the workstream follow their jobs."""
    if job.started_at is None and job.status in (JobStatus.WAITING, JobStatus.QUEUED):
        return  # nothing has started: they stay as they are
    of_run = of_stream = RunStatus.RUNNING  # as for every job that has begun and has not ended
    if job.status in FINAL:
        _take_turns(job.run_id)
        siblings = Job.objects.filter(run_id=job.run_id)
        of_run = _status_of(siblings, job)
        of_stream = _status_of(siblings.filter(workstream_id=job.workstream_id), job)
    at = db.now()
    changed: dict[str, Any] = {"status": of_run, "updated_at": at, "completed_at": None}
    if of_run != RunStatus.PENDING:
        changed["started_at"] = Coalesce("started_at", Value(at))
    if of_run not in ACTIVE_RUNS:
        changed["completed_at"] = at
    Run.objects.filter(run_id=job.run_id).exclude(status=of_run).update(**changed)
    streams = Workstream.objects.filter(pk=job.workstream_id)
    streams.exclude(status=of_stream).update(status=of_stream, updated_at=at)


def _status_of(jobs: JobQuerySet, ended: Job) -> RunStatus:
    """The status of a run or workstream with these jobs, of which `ended` has just ended."""
    # An unfinished job beside one that has begun decides alone; counting all takes longer the longer the run is.
    if ended.status not in NOT_BEGUN and jobs.unfinished().exists():
        return RunStatus.RUNNING
    status = status_of(dict(jobs.values_list("status").annotate(Count("pk")).order_by()))
    # Jobs that were sent back to the queue do not undo that their run has begun.
    if status == RunStatus.PENDING and jobs.filter(started_at__isnull=False).exists():
        return RunStatus.RUNNING
    return status


def _take_turns(run_id: str) -> None:
    """Of two jobs of a run that end at once, the second sees the first's end; else neither would be the last."""
    list(Run.objects.select_for_update().filter(run_id=run_id).values_list("pk"))


def _release_dependants(parent: Job) -> list[Job]:
    """In the parent's own final transaction: let children go, block them, or keep them held. Returns the blocked ones."""
    if parent.status == JobStatus.COMPLETED:
        let_go([parent])
        return []
    blocked, ended = [], [parent]
    while ended:  # a loop, for a line of children may be longer than the stack
        below = _let_down(ended.pop(), parent)
        blocked += below
        ended += below
    return blocked


def _unmet(parent: Job) -> tuple[Any, Any]:
    """What waits for the job itself, and what waits for its workstream."""
    waiting = Dependency.objects.filter(met=False)
    return waiting.filter(needs=parent), waiting.filter(needs_workstream_id=parent.workstream_id)


def let_go(parents: Sequence[Job]) -> None:
    """Release what waits for these jobs, which have completed, and for the workstreams that are complete with them."""
    waiting = Dependency.objects.filter(met=False)
    own = waiting.filter(needs__in=parents)
    children = list(own.values_list("job_id", flat=True))
    own.update(met=True)
    for run_id, workstream_id in sorted({(parent.run_id, parent.workstream_id) for parent in parents}):
        of_stream = waiting.filter(needs_workstream_id=workstream_id)
        if of_stream.exists():
            _take_turns(run_id)
            if not Job.objects.filter(workstream_id=workstream_id).exclude(status=JobStatus.COMPLETED).exists():
                children += of_stream.values_list("job_id", flat=True)
                of_stream.update(met=True)
    for child in locked(children):
        recount(child)


def _let_down(parent: Job, cause: Job) -> list[Job]:
    """Block what waits for `parent`, or keep it held; `cause` is the job at the head of the line, which people look for."""
    own, of_stream = _unmet(parent)
    blocked, why = [], f"{cause.job_id} ended as {cause.status}"
    for child in locked([*own.values_list("job_id", flat=True), *of_stream.values_list("job_id", flat=True)]):
        if child.status != JobStatus.WAITING:
            continue
        if child.options.on_dependency_failure == "hold":
            Job.objects.filter(pk=child.pk).update(on_hold=True, summary=f"Held: {why}.", version=F("version") + 1)
            events.record("job.held", job=child, because=parent.job_id)
            continue
        said = {"reason": "dependency", "summary": f"Blocked: {why}."}
        _change(child, JobStatus.BLOCKED, "engine", "", {"because": parent.job_id}, said)
        blocked.append(child)
    return blocked


def locked(ids: list[int]) -> list[Job]:
    # The lock makes two parents that end at once count one after the other: neither misses the other's release.
    return list(
        Job.objects.select_for_update(of=("self",)).select_related("workstream").filter(pk__in=ids).order_by("pk")
    )


def recount(child: Job, *, by: str = "engine") -> None:
    """Bring `unmet_dependencies` up to date and queue the child when nothing holds it any more. The row must be locked."""
    unmet = child.dependencies.filter(met=False).count()
    if unmet != child.unmet_dependencies:
        Job.objects.filter(pk=child.pk).update(unmet_dependencies=unmet, version=F("version") + 1)
        child.unmet_dependencies = unmet
    if not unmet and not child.on_hold and child.status == JobStatus.WAITING:
        move(child, JobStatus.QUEUED, by=by)
