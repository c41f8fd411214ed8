"""Tools: what can run, how much at once, and whether it is trusted."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import Field, StringConstraints

from adapters import registry
from jobs.api.auth import OPERATE, READ, actor
from jobs.api.controls import LimitIn, PauseIn
from jobs.api.responses import answers
from jobs.errors import NotFound
from jobs.services.operations import controls
from jobs.services.reading.tool_status import Availability, ToolHealth, ToolStatus, find_tool, tool_statuses
from jobs.states import CircuitState

router = Router(tags=["tools"])
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class ToolOut(Schema):
    """One tool: what its adapter says, what operators set, what runs now."""

    name: str
    health: ToolHealth = Field(description="one word for the tool")
    availability: Availability = Field(description="whether a worker that is alive has its program")
    capabilities: list[str]
    executables: list[str]
    available_here: bool = Field(description="its program is on this web host")
    path: str = Field(description="of its program on this web host")
    available_on: list[str] = Field(description="workers that are alive and have its program")
    versions: dict[str, str] = Field(description="its version on each of these workers, where it is known")
    paused: bool
    paused_reason: str
    limit: int | None = Field(description="jobs at once, set by an operator or by the server; null: no limit")
    circuit: str = Field(examples=list(CircuitState.values))
    failures: int
    retry_at: datetime | None
    last_failure: str
    running: int = Field(description="jobs that you may see")
    queued: int = Field(description="jobs that you may see")

    @staticmethod
    def resolve_capabilities(tool: ToolStatus) -> list[str]:
        return list(tool.adapter.capabilities) if tool.adapter else []

    @staticmethod
    def resolve_executables(tool: ToolStatus) -> list[str]:
        return list(tool.adapter.executables) if tool.adapter else []

    @staticmethod
    def resolve_available_here(tool: ToolStatus) -> bool:
        return bool(_here(tool).get("available", True))

    @staticmethod
    def resolve_path(tool: ToolStatus) -> str:
        return str(_here(tool).get("path", ""))


def _here(tool: ToolStatus) -> dict[str, Any]:
    return tool.adapter.get_tool_info() if tool.adapter else {"available": False}


class ToolsOut(Schema):
    items: list[ToolOut]


def one_tool(request: HttpRequest, name: str) -> ToolStatus:
    tool = find_tool(actor(request), name)
    if tool is None:
        raise NotFound(f"Unknown tool {name}; known tools: {', '.join(sorted(registry.adapters()))}.")
    return tool


@router.get("", auth=READ, operation_id="tools_list", summary="List tools", response=answers(ToolsOut))
def list_tools(request: HttpRequest) -> Any:
    """Every tool that has an adapter, an unfinished job or a rule."""
    return {"items": tool_statuses(actor(request))}


@router.get("/{name}", auth=READ, operation_id="tools_get", summary="Get a tool", response=answers(ToolOut, 404))
def get_tool(request: HttpRequest, name: Name) -> Any:
    """One tool, by its name."""
    return one_tool(request, name)


@router.post(
    "/{name}/pause",
    auth=OPERATE,
    operation_id="tools_pause",
    summary="Pause a tool",
    response=answers(ToolOut, 404, body=True),
)
def pause(request: HttpRequest, name: Name, order: Body[PauseIn | None] = None) -> Any:
    """Start no more of its jobs; running ones go on."""
    one_tool(request, name)
    controls.pause_tool(name, by=actor(request).name, reason=order.reason if order else "")
    return one_tool(request, name)


@router.post(
    "/{name}/resume", auth=OPERATE, operation_id="tools_resume", summary="Resume a tool", response=answers(ToolOut, 404)
)
def resume(request: HttpRequest, name: Name) -> Any:
    """Start its jobs again."""
    one_tool(request, name)
    controls.resume_tool(name, by=actor(request).name)
    return one_tool(request, name)


@router.post(
    "/{name}/limit",
    auth=OPERATE,
    operation_id="tools_limit",
    summary="Set a tool's limit",
    response=answers(ToolOut, 404, body=True),
)
def limit(request: HttpRequest, order: LimitIn, name: Name) -> Any:
    """Set how many of its jobs may run at once."""
    one_tool(request, name)
    controls.limit_tool(name, order.limit, by=actor(request).name)
    return one_tool(request, name)


@router.post(
    "/{name}/close-circuit",
    auth=OPERATE,
    operation_id="tools_close_circuit",
    summary="Close a tool's circuit",
    response=answers(ToolOut, 404),
)
def close_circuit(request: HttpRequest, name: Name) -> Any:
    """Close its circuit breaker by hand: its jobs start again."""
    one_tool(request, name)
    controls.close_circuit(name, by=actor(request).name)
    return one_tool(request, name)


@router.post(
    "/{name}/try",
    auth=OPERATE,
    operation_id="tools_try",
    summary="Start a trial of a tool",
    response=answers(ToolOut, 404),
)
def try_now(request: HttpRequest, name: Name) -> Any:
    """Let one trial start although its circuit is open."""
    one_tool(request, name)
    controls.try_tool_now(name, by=actor(request).name)
    return one_tool(request, name)
