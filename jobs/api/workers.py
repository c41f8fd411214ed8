"""Workers: the hosts that run jobs."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from jobs import db
from jobs.api.auth import OPERATE, READ, actor
from jobs.api.pagination import Page, PageQuery, page
from jobs.api.responses import RowId, answers
from jobs.errors import NotFound
from jobs.models import Node, StepAttempt
from jobs.services.operations import controls

router = Router(tags=["workers"])


class WorkerOut(Schema):
    """One worker host."""

    id: int
    name: str
    host: str
    pid: int
    version: str
    slots: int
    running: int
    queues: list[str]
    draining: bool
    started_at: datetime
    heartbeat_at: datetime
    heartbeat_age_s: float
    stopped_at: datetime | None
    tools: dict[str, Any] = Field(description="what each tool looks like on that host")

    @staticmethod
    def resolve_running(node: Node) -> int:
        return StepAttempt.objects.alive().filter(node=node.name).count()

    @staticmethod
    def resolve_heartbeat_age_s(node: Node) -> float:
        return round(max(0.0, (db.now() - node.heartbeat_at).total_seconds()), 1)


@router.get("", auth=READ, operation_id="workers_list", summary="List workers", response=answers(Page[WorkerOut]))
def list_workers(request: HttpRequest, query: Query[PageQuery]) -> Any:
    """Worker hosts, those that have stopped too."""
    return page(request, Node.objects.all(), WorkerOut, query)


def _found(row_id: int) -> Node:
    node = Node.objects.filter(pk=row_id).first()
    if node is None:
        raise NotFound(f"Worker {row_id} not found.")
    return node


@router.get(
    "/{worker_id}", auth=READ, operation_id="workers_get", summary="Get a worker", response=answers(WorkerOut, 404)
)
def get_worker(request: HttpRequest, worker_id: RowId) -> Node:
    """One worker host, by its number."""
    return _found(worker_id)


@router.post(
    "/{worker_id}/drain",
    auth=OPERATE,
    operation_id="workers_drain",
    summary="Drain a worker",
    response=answers(WorkerOut, 404),
)
def drain(request: HttpRequest, worker_id: RowId) -> Node:
    """Finish what it runs and claim nothing more."""
    return controls.drain_node(_found(worker_id), by=actor(request).name)


@router.post(
    "/{worker_id}/resume",
    auth=OPERATE,
    operation_id="workers_resume",
    summary="Resume a worker",
    response=answers(WorkerOut, 404),
)
def resume(request: HttpRequest, worker_id: RowId) -> Node:
    """Claim jobs again."""
    return controls.drain_node(_found(worker_id), by=actor(request).name, draining=False)


@router.delete(
    "/{worker_id}",
    auth=OPERATE,
    operation_id="workers_forget",
    summary="Forget a worker",
    response=answers(None, 404, 409, status=204),
)
def forget(request: HttpRequest, worker_id: RowId) -> Status[None]:
    """Delete the row of a worker that has stopped."""
    controls.forget_node(_found(worker_id), by=actor(request).name)
    return Status(204, None)
