"""Worker hosts as every interface shows them: reachable or lost, busy or idle, and with which jobs."""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from jobs.models import Node, StepAttempt
from jobs.models.node import NodeQuerySet
from jobs.services.reading.viewer import Viewer
from jobs.states import AttemptStatus

MAX_NODES = 200
MAX_ATTEMPTS = 500


class WorkerState(StrEnum):
    BUSY = "busy"
    IDLE = "idle"
    DRAINING = "draining"  # finishes what it runs and takes nothing more
    LOST = "lost"  # crashed, or cut off: its heartbeat is late
    STOPPED = "stopped"  # signed off


@dataclass(frozen=True)
class WorkerStatus:
    """One worker host, with the attempts there that the viewer sees."""

    node: Node
    state: WorkerState
    attempts: tuple[StepAttempt, ...] = ()

    @property
    def reachable(self) -> bool:
        return self.state not in (WorkerState.LOST, WorkerState.STOPPED)

    @property
    def takes_jobs(self) -> bool:
        return self.state in (WorkerState.BUSY, WorkerState.IDLE)

    @property
    def running(self) -> int:
        return len(self.attempts)


def worker_statuses(viewer: Viewer) -> list[WorkerStatus]:
    """Two queries."""
    running: dict[str, list[StepAttempt]] = defaultdict(list)
    alive = viewer.attempts().filter(status=AttemptStatus.RUNNING).select_related("job")
    for attempt in alive.only("node", "step_name", "status", "job__job_id", "job__title")[:MAX_ATTEMPTS]:
        running[attempt.node].append(attempt)
    return [
        WorkerStatus(node, state_of(node, busy=node.name in running), tuple(running.get(node.name, ())))
        for node in Node.objects.all()[:MAX_NODES]
    ]


def state_of(node: Node, *, busy: bool) -> WorkerState:
    if node.stopped_at is not None:
        return WorkerState.STOPPED
    if not node.is_alive:
        return WorkerState.LOST
    if node.draining:
        return WorkerState.DRAINING
    return WorkerState.BUSY if busy else WorkerState.IDLE


def nodes_with_running(viewer: Viewer) -> NodeQuerySet:
    """Worker hosts, each with the number of attempts that run there and that the viewer sees, as `running`."""
    there = viewer.attempts().filter(status=AttemptStatus.RUNNING, node=OuterRef("name")).order_by()
    counted = there.values("node").annotate(number=Count("pk")).values("number")
    running: dict[str, Any] = {"running": Coalesce(Subquery(counted), 0)}
    return Node.objects.annotate(**running)


def usable_slots() -> int:
    """Slots of the worker hosts that take jobs."""
    return sum(Node.objects.taking_jobs().values_list("slots", flat=True))
