"""The second line of a row: why the job is in its state. Many jobs at once, with a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings

from jobs import db
from jobs.models import Dependency, Job, Node
from jobs.queue.limits import Limits
from jobs.states import JobStatus


def tell(jobs: Sequence[Job]) -> dict[int, str]:
    """pk -> sentence without its full stop, for the jobs that have one."""
    told = {job.pk: job.summary.rstrip(".") for job in jobs if job.summary}
    waiting = [job for job in jobs if job.status == JobStatus.WAITING and not job.on_hold]
    queued = [job for job in jobs if job.status == JobStatus.QUEUED]
    if waiting:
        told |= _needs(waiting)
    if queued:
        told |= _queued(queued)
    return told


def _needs(jobs: Sequence[Job]) -> dict[int, str]:
    names: dict[int, list[str]] = defaultdict(list)
    rows = Dependency.objects.filter(job__in=jobs, met=False).values_list(
        "job_id", "needs__title", "needs_workstream__ws_id"
    )
    for pk, title, stream in rows[:500]:
        names[pk].append(title or stream or "")
    return {
        pk: f"waits for {', '.join(found[:2])}{f' and {len(found) - 2} more' if len(found) > 2 else ''}"
        for pk, found in names.items()
    }


def _queued(jobs: Sequence[Job]) -> dict[int, str]:
    limits, told, free = Limits.read(), {}, []
    for job in jobs:
        found = limits.why_not(job)
        if found:
            told[job.pk] = found[1]
        else:
            free.append(job)
    if free:
        served = served_queues()
        told |= {
            job.pk: "next when a slot is free" if job.queue in served else f"no worker takes queue {job.queue}"
            for job in free
        }
    return told


def served_queues() -> set[str]:
    """Queues that a living worker takes jobs from."""
    fresh = db.now() - timedelta(seconds=max(15.0, 5 * settings.ENGINE_HEARTBEAT_S))
    nodes = Node.objects.filter(stopped_at=None, heartbeat_at__gt=fresh, draining=False)
    return {queue for queues in nodes.values_list("queues", flat=True) for queue in queues}
