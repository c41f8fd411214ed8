"""Tools as every interface shows them: where they are installed, what they do now, and whether they are trusted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Count, Min, Q

from adapters import registry
from adapters.interface import Adapter
from adapters.verdict import Reason
from jobs import db
from jobs.models import Node, ToolControl
from jobs.queue.limits import limit_of
from jobs.services.reading.viewer import Viewer
from jobs.states import ALIVE, AttemptStatus, CircuitState, JobStatus

SUCCESS_SPAN = timedelta(hours=24)
DEGRADED_BELOW = 80.0  # per cent of the attempts that succeed
WITH_LOAD = (JobStatus.QUEUED, JobStatus.RETRYING, *ALIVE)


class Availability(StrEnum):
    """Whether a worker that is alive has the tool's program."""

    INSTALLED = "installed"
    NOT_INSTALLED = "not_installed"
    NO_WORKER = "no_worker"  # nobody could have it

    @property
    def problem(self) -> str:
        """For people; empty when the tool is there."""
        return _PROBLEMS.get(self, "")


_PROBLEMS = {
    Availability.NOT_INSTALLED: "not installed on any worker",
    Availability.NO_WORKER: "no worker is connected",
}


class ToolHealth(StrEnum):
    """One word for a tool: the first of these that holds, from the top."""

    NOT_INSTALLED = "not_installed"
    PAUSED = "paused"
    CIRCUIT_OPEN = "circuit_open"
    HALF_OPEN = "half_open"
    NO_WORKER = "no_worker"
    DEGRADED = "degraded"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class Load:
    """The jobs of a tool that the viewer sees. `oldest`: since when the first queued one waits."""

    running: int = 0
    queued: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True)
class Success:
    """Attempts of the last 24 hours that could be run. Tests that ran and failed are a success of their tool."""

    good: int = 0
    bad: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad

    @property
    def percent(self) -> float | None:
        return 100 * self.good / self.total if self.total else None


@dataclass(frozen=True)
class ToolStatus:
    name: str
    adapter: Adapter | None  # None: jobs or rules name it, but nothing that is installed here runs it
    versions: Mapping[str, str]  # worker that is alive and has it -> version, empty if unknown
    workers_alive: int

    running: int  # jobs that the viewer sees, as the next two
    queued: int
    oldest: datetime | None

    limit: int | None  # jobs at once: the operator's, else the setting's
    paused: bool
    paused_reason: str
    circuit: CircuitState
    failures: int  # in a row, of the tool itself
    retry_at: datetime | None
    last_failure: str
    success: Success

    @property
    def availability(self) -> Availability:
        if not self.workers_alive:
            return Availability.NO_WORKER
        return Availability.INSTALLED if self.versions else Availability.NOT_INSTALLED

    @property
    def health(self) -> ToolHealth:
        if self.availability is Availability.NOT_INSTALLED:
            return ToolHealth.NOT_INSTALLED
        if self.paused:
            return ToolHealth.PAUSED
        if self.circuit != CircuitState.CLOSED:
            return ToolHealth.CIRCUIT_OPEN if self.circuit == CircuitState.OPEN else ToolHealth.HALF_OPEN
        if self.availability is Availability.NO_WORKER:
            return ToolHealth.NO_WORKER
        percent = self.success.percent
        return ToolHealth.DEGRADED if percent is not None and percent < DEGRADED_BELOW else ToolHealth.HEALTHY

    @property
    def available_on(self) -> list[str]:
        return list(self.versions)

    @property
    def distinct_versions(self) -> list[str]:
        return sorted(set(self.versions.values()) - {""})

    @property
    def is_held_back(self) -> bool:
        """Paused, or not trusted."""
        return self.paused or self.circuit != CircuitState.CLOSED


def tool_statuses(
    viewer: Viewer,
    *,
    loads: Mapping[str, Load] | None = None,
    nodes: Iterable[Node] | None = None,
    with_success: bool = True,
) -> list[ToolStatus]:
    """Every tool that has an adapter, an unfinished job or a rule, by name: four queries, one less for what is given."""
    adapters = registry.adapters()
    loads = loads_by_tool(viewer) if loads is None else loads
    alive = [node for node in (Node.objects.alive() if nodes is None else nodes) if node.is_alive]
    controls = {control.name: control for control in ToolControl.objects.all()}
    success = _success_by_tool(viewer) if with_success else {}
    names = sorted({*adapters, *loads, *controls, *settings.ENGINE_TOOL_LIMITS})
    return [
        _status(
            controls.get(name) or ToolControl(name=name),
            adapters.get(name),
            alive,
            loads.get(name, Load()),
            success.get(name, Success()),
        )
        for name in names
    ]


def _status(
    control: ToolControl, adapter: Adapter | None, alive: Sequence[Node], load: Load, success: Success
) -> ToolStatus:
    name = control.name
    return ToolStatus(
        name=name,
        adapter=adapter,
        versions={node.name: node.tool_version(name) for node in alive if node.has_tool(name)},
        workers_alive=len(alive),
        running=load.running,
        queued=load.queued,
        oldest=load.oldest,
        limit=limit_of(name, control),
        paused=control.paused,
        paused_reason=control.paused_reason,
        circuit=CircuitState(control.circuit),
        failures=control.failures,
        retry_at=control.retry_at,
        last_failure=control.last_failure,
        success=success,
    )


def find_tool(viewer: Viewer, name: str) -> ToolStatus | None:
    return next((tool for tool in tool_statuses(viewer) if tool.name == name), None)


def loads_by_tool(viewer: Viewer) -> dict[str, Load]:
    """One query for the tools of all unfinished jobs that the viewer sees."""
    rows = viewer.jobs().filter(status__in=WITH_LOAD).order_by().values("tool")
    queued = Q(status=JobStatus.QUEUED)
    counted = rows.annotate(
        running=Count("pk", filter=Q(status__in=ALIVE)),
        queued=Count("pk", filter=queued),
        oldest=Min("queued_at", filter=queued),
    )
    return {row["tool"]: Load(row["running"], row["queued"], row["oldest"]) for row in counted}


def _success_by_tool(viewer: Viewer) -> dict[str, Success]:
    """Attempts that could not be run at all, as the tool was not there, say nothing about it."""
    tests_failed = Q(reason=Reason.TESTS_FAILED)
    failed = Q(status__in=(AttemptStatus.FAILED, AttemptStatus.TIMEOUT)) & ~Q(reason=Reason.INFRA) & ~tests_failed
    rows = viewer.attempts().filter(completed_at__gte=db.now() - SUCCESS_SPAN).order_by().values("step_name")
    counted = rows.annotate(
        good=Count("pk", filter=Q(status=AttemptStatus.COMPLETED) | tests_failed), bad=Count("pk", filter=failed)
    )
    return {row["step_name"]: Success(row["good"], row["bad"]) for row in counted}
