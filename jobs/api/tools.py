"""Tools: what can run, how much at once, and whether it is trusted."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Count
from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import Field, StringConstraints

from adapters import registry
from jobs.api.auth import OPERATE, READ, actor
from jobs.api.responses import WHOLE, Order, answers
from jobs.errors import NotFound
from jobs.models import Job, Node, ToolControl
from jobs.services.operations import controls
from jobs.states import ALIVE, CircuitState, JobStatus

router = Router(tags=["tools"])
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Reason = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Field(strict=False, ge=0, le=10_000), WHOLE]


class ToolOut(Schema):
    """One tool: what its adapter says, what operators set, what runs now."""

    name: str
    capabilities: list[str]
    executables: list[str]
    available_here: bool = Field(description="its program is on this web host")
    path: str
    available_on: list[str] = Field(description="worker hosts that have its program")
    paused: bool
    paused_reason: str
    limit: int | None
    circuit: str = Field(examples=list(CircuitState.values))
    failures: int
    retry_at: datetime | None
    last_failure: str
    running: int
    queued: int


class ToolsOut(Schema):
    items: list[ToolOut]


class PauseIn(Order):
    reason: Reason = ""


class LimitIn(Order):
    limit: Limit | None = Field(description="jobs at once; null lifts the limit")


def counted(statuses: Any, field: str) -> dict[str, int]:
    rows = Job.objects.filter(status__in=statuses).order_by(field).values_list(field).annotate(Count("pk"))
    return dict(rows)


def all_tools() -> list[dict[str, Any]]:
    controls_by_name = {row.name: row for row in ToolControl.objects.all()}
    running, queued = counted(ALIVE, "tool"), counted([JobStatus.QUEUED], "tool")
    nodes = list(Node.objects.filter(stopped_at=None))
    found = []
    for name, adapter in sorted(registry.adapters().items()):
        info, control = adapter.get_tool_info(), controls_by_name.get(name) or ToolControl(name=name)
        found.append(
            {
                "name": name,
                "capabilities": list(info.get("capabilities", [])),
                "running": running.get(name, 0),
                "executables": list(info.get("executables", [])),
                "available_here": bool(info.get("available", True)),
                "path": str(info.get("path", "")),
                "queued": queued.get(name, 0),
                "available_on": [node.name for node in nodes if (node.tools.get(name) or {}).get("available")],
                "paused": control.paused,
                "paused_reason": control.paused_reason,
                "limit": control.limit,
                "circuit": control.circuit,
                "failures": control.failures,
                "retry_at": control.retry_at,
                "last_failure": control.last_failure,
            }
        )
    return found


def one_tool(name: str) -> dict[str, Any]:
    for tool in all_tools():
        if tool["name"] == name:
            return tool
    raise NotFound(f"Unknown tool {name}; known tools: {', '.join(sorted(registry.adapters()))}.")


@router.get("", auth=READ, operation_id="tools_list", summary="List tools", response=answers(ToolsOut))
def list_tools(request: HttpRequest) -> Any:
    """Every tool that an adapter is installed for."""
    return {"items": all_tools()}


@router.get("/{name}", auth=READ, operation_id="tools_get", summary="Get a tool", response=answers(ToolOut, 404))
def get_tool(request: HttpRequest, name: Name) -> Any:
    """One tool, by its name."""
    return one_tool(name)


@router.post(
    "/{name}/pause",
    auth=OPERATE,
    operation_id="tools_pause",
    summary="Pause a tool",
    response=answers(ToolOut, 404, body=True),
)
def pause(request: HttpRequest, name: Name, order: Body[PauseIn | None] = None) -> Any:
    """Start no more of its jobs; what runs goes on."""
    one_tool(name)
    controls.pause_tool(name, by=actor(request).name, reason=order.reason if order else "")
    return one_tool(name)


@router.post(
    "/{name}/resume", auth=OPERATE, operation_id="tools_resume", summary="Resume a tool", response=answers(ToolOut, 404)
)
def resume(request: HttpRequest, name: Name) -> Any:
    """Start its jobs again."""
    one_tool(name)
    controls.resume_tool(name, by=actor(request).name)
    return one_tool(name)


@router.post(
    "/{name}/limit",
    auth=OPERATE,
    operation_id="tools_limit",
    summary="Set a tool's limit",
    response=answers(ToolOut, 404, body=True),
)
def limit(request: HttpRequest, order: LimitIn, name: Name) -> Any:
    """Set how many of its jobs may run at once."""
    one_tool(name)
    controls.limit_tool(name, order.limit, by=actor(request).name)
    return one_tool(name)


@router.post(
    "/{name}/close-circuit",
    auth=OPERATE,
    operation_id="tools_close_circuit",
    summary="Close a tool's circuit",
    response=answers(ToolOut, 404),
)
def close_circuit(request: HttpRequest, name: Name) -> Any:
    """Close its circuit breaker by hand."""
    one_tool(name)
    controls.close_circuit(name, by=actor(request).name)
    return one_tool(name)


@router.post(
    "/{name}/try",
    auth=OPERATE,
    operation_id="tools_try",
    summary="Start a trial of a tool",
    response=answers(ToolOut, 404),
)
def try_now(request: HttpRequest, name: Name) -> Any:
    """Let one trial start although its circuit is open."""
    one_tool(name)
    controls.try_tool_now(name, by=actor(request).name)
    return one_tool(name)
