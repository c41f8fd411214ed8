"""Limits, counted from live rows each time they are asked for: nothing can leak, and a raised limit holds at once."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from jobs import db
from jobs.models import Job, QueueControl, ToolControl
from jobs.models.job import JobQuerySet
from jobs.states import CircuitState


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
                limits.closed_queues[control.name] = f"queue {control.name} is paused"
            elif control.limit is not None and queues[control.name] >= control.limit:
                limits.closed_queues[control.name] = f"queue {control.name} is using all {control.limit} of its slots"
        return limits

    def _close_tools(self, running: Counter[str]) -> None:
        bounds: dict[str, int] = dict(settings.ENGINE_TOOL_LIMITS)
        now = db.now()
        for control in ToolControl.objects.all():
            if control.limit is not None:
                bounds[control.name] = control.limit
            if sentence := _shut(control, running[control.name], now):
                self.closed_tools[control.name] = sentence
        for tool, bound in bounds.items():
            if running[tool] >= bound:
                slots = "its only slot" if bound == 1 else f"all {bound} of its slots"
                self.closed_tools.setdefault(tool, f"{tool} is using {slots}")

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

    def why_not(self, job: Job) -> tuple[str, str] | None:
        """(type, sentence) of the limit that keeps `job` back, or None."""
        if job.queue in self.closed_queues:
            return "queue", self.closed_queues[job.queue]
        if job.tool in self.closed_tools:
            return "tool", self.closed_tools[job.tool]
        if job.exclusive and job.repo_key in self.writers:
            return "repository", f"{self.writers[job.repo_key]} is writing in the same working tree"
        if job.concurrency_key and self.keys[job.concurrency_key] >= job.concurrency_limit:
            return "concurrency_key", f"{job.concurrency_key} is in use"
        return None


def _shut(control: ToolControl, running: int, now: datetime) -> str:
    if control.paused:
        return f"{control.name} is paused"
    if control.circuit == CircuitState.OPEN and (control.retry_at is None or control.retry_at > now):
        return f"the circuit of {control.name} is open"
    if control.circuit != CircuitState.CLOSED and running:
        return f"{control.name} is on trial after failures"
    return ""
