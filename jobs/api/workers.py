"""Workers: the hosts that run jobs."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from jobs.api.auth import OPERATE, READ, actor
from jobs.api.pagination import Page, PageQuery, page
from jobs.api.responses import RowId, answers
from jobs.errors import NotFound
from jobs.models import Node
from jobs.models.durations import elapsed_s
from jobs.services.operations import controls
from jobs.services.reading.worker_status import WorkerState, nodes_with_running, state_of

router = Router(tags=["workers"])


class WorkerOut(Schema):
    """One worker host."""

    id: int
    name: str
    host: str
    pid: int
    version: str
    slots: int
    running: int = Field(description="attempts that you may see")
    queues: list[str]
    state: WorkerState
    draining: bool
    started_at: datetime
    heartbeat_at: datetime
    heartbeat_age_s: float
    stopped_at: datetime | None
    tools: dict[str, Any] = Field(description="what each tool looks like on that host")
    environment: dict[str, Any] = Field(
        description="what it was started with: `roots` in which jobs may work, `shell_allowed`, `executables`, `python`"
    )

    @staticmethod
    def resolve_state(node: Node) -> WorkerState:
        return state_of(node, busy=node.running > 0)

    @staticmethod
    def resolve_heartbeat_age_s(node: Node) -> float:
        return round(elapsed_s(node.heartbeat_at), 1)


@router.get("", auth=READ, operation_id="workers_list", summary="List workers", response=answers(Page[WorkerOut]))
def list_workers(request: HttpRequest, query: Query[PageQuery]) -> Any:
    """Worker hosts, also those that have stopped or are lost."""
    return page(request, nodes_with_running(actor(request)), WorkerOut, query)


def _found(request: HttpRequest, row_id: int) -> Node:
    node = nodes_with_running(actor(request)).filter(pk=row_id).first()
    if node is None:
        raise NotFound(f"Worker {row_id} not found.")
    return node


@router.get(
    "/{worker_id}", auth=READ, operation_id="workers_get", summary="Get a worker", response=answers(WorkerOut, 404)
)
def get_worker(request: HttpRequest, worker_id: RowId) -> Node:
    """One worker host, by its number."""
    return _found(request, worker_id)


@router.post(
    "/{worker_id}/drain",
    auth=OPERATE,
    operation_id="workers_drain",
    summary="Drain a worker",
    response=answers(WorkerOut, 404),
)
def drain(request: HttpRequest, worker_id: RowId) -> Node:
    """Finish what it runs and claim nothing more."""
    return controls.drain_node(_found(request, worker_id), by=actor(request).name)


@router.post(
    "/{worker_id}/resume",
    auth=OPERATE,
    operation_id="workers_resume",
    summary="Resume a worker",
    response=answers(WorkerOut, 404),
)
def resume(request: HttpRequest, worker_id: RowId) -> Node:
    """Claim jobs again."""
    return controls.drain_node(_found(request, worker_id), by=actor(request).name, draining=False)


@router.delete(
    "/{worker_id}",
    auth=OPERATE,
    operation_id="workers_forget",
    summary="Forget a worker",
    response=answers(None, 404, 409, status=204),
)
def forget(request: HttpRequest, worker_id: RowId) -> Status[None]:
    """Delete the row of a worker that has stopped or is lost."""
    controls.forget_node(_found(request, worker_id), by=actor(request).name)
    return Status(204, None)
