"""Limits, counted from live rows each time they are asked for: nothing can leak, and a raised limit holds at once."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from jobs import db
from jobs.models import Job, QueueControl, ToolControl
from jobs.models.job import JobQuerySet
from jobs.states import CircuitState, WaitType


@dataclass
class Limits:
    """What is full at this moment."""

    closed_tools: dict[str, str] = field(default_factory=dict)  # tool -> sentence
    closed_queues: dict[str, str] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)  # working tree -> job that holds it
    keys: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls) -> "Limits":
        limits, tools, queues = cls(), Counter[str](), Counter[str]()
        alive = Job.objects.alive().values_list("job_id", "tool", "queue", "repo_key", "exclusive", "concurrency_key")
        for job_id, tool, queue, repo, exclusive, key in alive:
            tools[tool] += 1
            queues[queue] += 1
            if repo and exclusive:
                limits.writers[repo] = job_id
            if key:
                limits.keys[key] += 1
        limits._close_tools(tools)
        for control in QueueControl.objects.all():
            if control.paused:
                limits.closed_queues[control.name] = _paused(f"queue {control.name}", control)
            elif control.limit is not None and queues[control.name] >= control.limit:
                limits.closed_queues[control.name] = _full(f"queue {control.name}", control.limit)
        return limits

    def _close_tools(self, running: Counter[str]) -> None:
        controls, now = {control.name: control for control in ToolControl.objects.all()}, db.now()
        for tool in {*controls, *settings.ENGINE_TOOL_LIMITS}:
            control = controls.get(tool)
            limit = limit_of(tool, control)
            if control and (sentence := _shut(control, running[tool], now)):
                self.closed_tools[tool] = sentence
            elif limit is not None and running[tool] >= limit:
                self.closed_tools[tool] = _full(tool, limit)

    def apply(self, jobs: JobQuerySet) -> JobQuerySet:
        """Only the jobs that may start now."""
        jobs = jobs.exclude(tool__in=self.closed_tools).exclude(queue__in=self.closed_queues)
        if self.writers:
            jobs = jobs.exclude(exclusive=True, repo_key__in=self.writers)
        if self.keys:
            full = Q()
            for key, count in self.keys.items():
                full |= Q(concurrency_key=key, concurrency_limit__lte=count)
            jobs = jobs.exclude(full)
        return jobs

    def why_not(self, job: Job) -> tuple[WaitType, str] | None:
        """Which limit keeps `job` back, as a type and half a sentence; or None."""
        if job.queue in self.closed_queues:
            return WaitType.QUEUE, self.closed_queues[job.queue]
        if job.tool in self.closed_tools:
            return WaitType.TOOL, self.closed_tools[job.tool]
        if job.exclusive and job.repo_key in self.writers:
            return WaitType.REPOSITORY, f"{self.writers[job.repo_key]} is writing in the same working tree"
        if job.concurrency_key and self.keys[job.concurrency_key] >= job.concurrency_limit:
            return WaitType.CONCURRENCY_KEY, f"{job.concurrency_key} is in use"
        return None


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
