"""Queues as every interface shows them. Private queues are left out and cannot be looked up."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q

from jobs.models import Node, QueueControl
from jobs.services.core.private_queue import is_private
from jobs.services.reading.viewer import Viewer
from jobs.states import ALIVE, JobStatus

LATER = (JobStatus.WAITING, JobStatus.RETRYING)
DEFAULT = "default"  # where jobs go that name none


@dataclass(frozen=True)
class QueueStatus:
    """The jobs of a queue that the viewer sees, what operators set, and who serves it."""

    name: str
    queued: int = 0
    running: int = 0
    waiting: int = 0  # for a dependency, a person or the time of a retry
    oldest: datetime | None = None  # since when the first queued job waits
    workers: tuple[str, ...] = ()  # that take jobs from it
    limit: int | None = None  # jobs at once
    paused: bool = False
    paused_reason: str = ""


def queue_statuses(viewer: Viewer) -> list[QueueStatus]:
    """Every queue that has a worker, an unfinished job or a rule, by name: three queries."""
    counts = _counts(viewer)
    controls = {control.name: control for control in QueueControl.objects.all()}
    nodes = list(Node.objects.taking_jobs())
    served = {queue for node in nodes for queue in node.queues}
    names = {*settings.ENGINE_QUEUES, DEFAULT, *counts, *controls, *served}
    return [
        replace(
            counts.get(name, QueueStatus(name)),
            workers=tuple(node.name for node in nodes if name in node.queues),
            limit=control.limit,
            paused=control.paused,
            paused_reason=control.paused_reason,
        )
        for name in sorted(names)
        if not is_private(name)
        for control in [controls.get(name) or QueueControl()]
    ]


def find_queue(viewer: Viewer, name: str) -> QueueStatus | None:
    """Also one that only finished jobs name."""
    found = next((queue for queue in queue_statuses(viewer) if queue.name == name), None)
    if found is None and not is_private(name) and viewer.jobs().filter(queue=name).exists():
        return QueueStatus(name)
    return found


def _counts(viewer: Viewer) -> dict[str, QueueStatus]:
    queued = Q(status=JobStatus.QUEUED)
    rows = viewer.jobs().filter(status__in=(JobStatus.QUEUED, *LATER, *ALIVE)).order_by().values("queue")
    counted = rows.annotate(
        queued=Count("pk", filter=queued),
        running=Count("pk", filter=Q(status__in=ALIVE)),
        waiting=Count("pk", filter=Q(status__in=LATER)),
        oldest=Min("queued_at", filter=queued),
    )
    return {
        row["queue"]: QueueStatus(row["queue"], row["queued"], row["running"], row["waiting"], row["oldest"])
        for row in counted
    }
