"""Limits, counted from live rows each time they are asked for: nothing can leak, and a raised limit holds at once."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from django.conf import settings
from django.db.models import Q

from jobs import db
from jobs.models import QueueControl, ToolControl
from jobs.models.job import JobQuerySet
from jobs.sql import controls, jobs
from jobs.states import CircuitState, WaitType


class Wanting(Protocol):
    """What limits ask of a job that is to start: a `Job`, or a row with as much of one."""

    @property
    def job_id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def tree_key(self) -> str: ...
    @property
    def exclusive(self) -> bool: ...
    @property
    def concurrency_key(self) -> str: ...
    @property
    def concurrency_limit(self) -> int: ...


class Alive(NamedTuple):
    """`number` jobs that hold processes and do not differ in these; `job_id` is one of them."""

    job_id: str
    tool: str
    queue: str
    tree_key: str
    exclusive: bool
    concurrency_key: str
    number: int = 1


class Limits:
    """What is full at this moment."""

    def __init__(self, alive: Iterable[Alive], tools: Iterable[ToolControl], queues: Iterable[QueueControl]) -> None:
        self.closed_tools: dict[str, str] = {}  # tool -> sentence
        self.closed_queues: dict[str, str] = {}
        self.writers: dict[str, str] = {}  # working tree -> job that holds it
        self.keys: Counter[str] = Counter()
        self._running_tools: Counter[str] = Counter()
        self._running_queues: Counter[str] = Counter()
        self._tools = {control.name: control for control in tools}
        self._queues = {control.name: control for control in queues}
        self._at = db.now()
        for some in alive:
            self._count(some)
        for tool in {*self._tools, *settings.ENGINE_TOOL_LIMITS}:
            self._look_at_tool(tool)
        for queue in self._queues:
            self._look_at_queue(queue)

    @classmethod
    def read(cls) -> "Limits":
        return cls((Alive(*row) for row in jobs.alive()), *controls.both())

    def admit(self, job: Wanting) -> bool:
        """Whether `job` may start now; if so, it counts from here on."""
        if self.why_not(job):
            return False
        self._count(Alive(job.job_id, job.tool, job.queue, job.tree_key, job.exclusive, job.concurrency_key))
        self._look_at_tool(job.tool)
        self._look_at_queue(job.queue)
        return True

    def trials(self, tools: Iterable[str]) -> list[str]:
        """Of these tools, those with an open circuit: what starts there is the trial."""
        return sorted(
            {tool for tool in tools if tool in self._tools and self._tools[tool].circuit == CircuitState.OPEN}
        )

    def apply(self, wanted: JobQuerySet) -> JobQuerySet:
        """Only the jobs that may start now."""
        wanted = wanted.exclude(tool__in=self.closed_tools).exclude(queue__in=self.closed_queues)
        if self.writers:
            wanted = wanted.exclude(exclusive=True, tree_key__in=self.writers)
        if self.keys:
            full = Q()
            for key, count in self.keys.items():
                full |= Q(concurrency_key=key, concurrency_limit__lte=count)
            wanted = wanted.exclude(full)
        return wanted

    def why_not(self, job: Wanting) -> tuple[WaitType, str] | None:
        """Which limit keeps `job` back, as a type and half a sentence; or None."""
        if job.queue in self.closed_queues:
            return WaitType.QUEUE, self.closed_queues[job.queue]
        if job.tool in self.closed_tools:
            return WaitType.TOOL, self.closed_tools[job.tool]
        if job.exclusive and job.tree_key in self.writers:
            return WaitType.REPOSITORY, f"{self.writers[job.tree_key]} is writing in the same working tree"
        if job.concurrency_key and self.keys[job.concurrency_key] >= job.concurrency_limit:
            return WaitType.CONCURRENCY_KEY, f"{job.concurrency_key} is in use"
        return None

    def _count(self, alive: Alive) -> None:
        self._running_tools[alive.tool] += alive.number
        self._running_queues[alive.queue] += alive.number
        if alive.tree_key and alive.exclusive:
            self.writers[alive.tree_key] = alive.job_id
        if alive.concurrency_key:
            self.keys[alive.concurrency_key] += alive.number

    def _look_at_tool(self, tool: str) -> None:
        running, control = self._running_tools[tool], self._tools.get(tool)
        limit = limit_of(tool, control)
        if control is not None and (sentence := _shut(control, running, self._at)):
            self.closed_tools[tool] = sentence
        elif limit is not None and running >= limit:
            self.closed_tools[tool] = _full(tool, limit)

    def _look_at_queue(self, queue: str) -> None:
        control = self._queues.get(queue)
        if control is not None and control.paused:
            self.closed_queues[queue] = _paused(f"queue {queue}", control)
        elif control is not None and control.limit is not None and self._running_queues[queue] >= control.limit:
            self.closed_queues[queue] = _full(f"queue {queue}", control.limit)


def limit_of(tool: str, control: ToolControl | None) -> int | None:
    """Jobs of a tool at once: what an operator set, else what the settings say; None for no limit."""
    if control is not None and control.limit is not None:
        return int(control.limit)
    limits: dict[str, int] = settings.ENGINE_TOOL_LIMITS
    return limits.get(tool)


def _full(name: str, limit: int) -> str:
    if limit == 0:
        return f"the limit of {name} is 0"
    return f"{name} is using {'its only slot' if limit == 1 else f'all {limit} of its slots'}"


def _paused(name: str, control: QueueControl | ToolControl) -> str:
    return f"{name} is paused{f': {control.paused_reason.rstrip(".")}' if control.paused_reason else ''}"


def _shut(control: ToolControl, running: int, now: datetime) -> str:
    if control.paused:
        return _paused(control.name, control)
    if control.circuit == CircuitState.OPEN and (control.retry_at is None or control.retry_at > now):
        return f"the circuit of {control.name} is open"
    if control.circuit != CircuitState.CLOSED and running:
        return f"{control.name} is on trial after failures"
    return ""
