"""Why a job has not started: computed from live rows when somebody asks, so it is never stale."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from jobs import db
from jobs.models import Job, Node
from jobs.queue.limits import Limits
from jobs.states import JobStatus


@dataclass(frozen=True)
class Waiting:
    """`type` is one of hold, dependency, delay, queue, tool, repository, concurrency_key, no_worker, turn."""

    type: str
    sentence: str


def fresh_nodes() -> "QuerySet[Node]":
    """Worker hosts that live."""
    since = db.now() - timedelta(seconds=max(15.0, 5 * settings.ENGINE_HEARTBEAT_S))
    return Node.objects.filter(stopped_at=None, heartbeat_at__gt=since)


def explain(job: Job, limits: Limits | None = None) -> Waiting | None:
    """The reason, or None when the job is not waiting. Pass `limits` to ask for many jobs with one look."""
    if job.status == JobStatus.WAITING:
        if job.on_hold:
            return Waiting("hold", job.summary or "It is held.")
        needs = job.dependencies.filter(met=False).select_related("needs", "needs_workstream")[:4]
        names = [str(row.needs or row.needs_workstream) for row in needs]
        more = " and others" if len(names) > 3 else ""
        return Waiting("dependency", f"It waits for {', '.join(names[:3])}{more}." if names else "It waits.")
    if job.status == JobStatus.RETRYING and job.not_before:
        return Waiting("delay", f"Its next attempt starts at {job.not_before:%H:%M:%S}.")
    if job.status != JobStatus.QUEUED:
        return None
    found = (limits or Limits.read()).why_not(job)
    if found:
        return Waiting(found[0], f"It waits: {found[1]}.")
    if not any(job.queue in node.queues for node in fresh_nodes().filter(draining=False)):
        return Waiting("no_worker", f"No worker takes jobs from queue {job.queue}.")
    return Waiting("turn", "It is next when a slot is free.")
