"""Worker hosts as pages show them: reachable or lost, busy or idle, and with which jobs."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from jobs import db
from jobs.models import Node, StepAttempt
from jobs.states import AttemptStatus


@dataclass
class Worker:
    node: Node
    state: str
    attempts: list[StepAttempt] = field(default_factory=list)

    @property
    def reachable(self) -> bool:
        return self.state not in ("lost", "stopped")

    @property
    def busy(self) -> int:
        return len(self.attempts)

    @property
    def slots(self) -> list[bool]:
        return [index < self.busy for index in range(min(16, max(self.node.slots, self.busy)))]


def slots_now() -> int:
    """Slots of the workers that can be reached."""
    nodes = Node.objects.filter(stopped_at=None, heartbeat_at__gte=_fresh()).values_list("slots", flat=True)
    return sum(nodes[:200])


def _fresh() -> datetime:
    """A heartbeat that is five beats late means lost."""
    return db.now() - timedelta(seconds=max(15.0, 5 * settings.ENGINE_HEARTBEAT_S))


def workers_now() -> list[Worker]:
    """Two queries."""
    fresh = _fresh()
    alive: dict[str, list[StepAttempt]] = defaultdict(list)
    rows = (
        StepAttempt.objects.filter(status=AttemptStatus.RUNNING)
        .select_related("job")
        .only("node", "step_name", "job__job_id", "job__title", "status")
    )
    for attempt in rows[:500]:
        alive[attempt.node].append(attempt)
    return [
        Worker(node, _state(node, bool(alive[node.name]), node.heartbeat_at >= fresh), alive[node.name])
        for node in Node.objects.all()[:200]
    ]


def _state(node: Node, busy: bool, fresh: bool) -> str:
    if node.stopped_at is not None:
        return "stopped"
    if not fresh:
        return "lost"
    if node.draining:
        return "draining"
    return "busy" if busy else "idle"
