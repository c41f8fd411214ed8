"""Queues: what waits in them, and what operators set."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import Field, StringConstraints

from jobs.api.auth import OPERATE, READ, actor
from jobs.api.controls import LimitIn, PauseIn
from jobs.api.responses import answers
from jobs.errors import NotFound
from jobs.services.operations import controls
from jobs.services.reading.queue_status import QueueStatus, find_queue, queue_statuses

router = Router(tags=["queues"])
Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00/]+$")]


class QueueOut(Schema):
    """One queue: the jobs in it, and what operators set."""

    name: str
    paused: bool
    paused_reason: str
    limit: int | None
    queued: int = Field(description="jobs that you may see, as the next two")
    waiting: int = Field(description="for a dependency, a person or the time of a retry")
    running: int
    oldest: datetime | None = Field(description="since when the first queued job waits")
    workers: list[str] = Field(description="that take jobs from it")


class QueuesOut(Schema):
    items: list[QueueOut]


def one_queue(request: HttpRequest, name: str) -> QueueStatus:
    queue = find_queue(actor(request), name)
    if queue is None:
        raise NotFound(f"Queue {name} not found.")
    return queue


@router.get("", auth=READ, operation_id="queues_list", summary="List queues", response=answers(QueuesOut))
def list_queues(request: HttpRequest) -> Any:
    """Every queue that has a worker, an unfinished job or a rule."""
    return {"items": queue_statuses(actor(request))}


@router.get("/{name}", auth=READ, operation_id="queues_get", summary="Get a queue", response=answers(QueueOut, 404))
def get_queue(request: HttpRequest, name: Name) -> Any:
    """One queue, by its name."""
    return one_queue(request, name)


@router.post(
    "/{name}/pause",
    auth=OPERATE,
    operation_id="queues_pause",
    summary="Pause a queue",
    response=answers(QueueOut, body=True),
)
def pause(request: HttpRequest, name: Name, order: Body[PauseIn | None] = None) -> Any:
    """Start no more of its jobs; a queue may be paused before its first job comes."""
    controls.pause_queue(name, by=actor(request).name, reason=order.reason if order else "")
    return one_queue(request, name)


@router.post(
    "/{name}/resume", auth=OPERATE, operation_id="queues_resume", summary="Resume a queue", response=answers(QueueOut)
)
def resume(request: HttpRequest, name: Name) -> Any:
    """Start its jobs again."""
    controls.resume_queue(name, by=actor(request).name)
    return one_queue(request, name)


@router.post(
    "/{name}/limit",
    auth=OPERATE,
    operation_id="queues_limit",
    summary="Set a queue's limit",
    response=answers(QueueOut, body=True),
)
def limit(request: HttpRequest, order: LimitIn, name: Name) -> Any:
    """Set how many of its jobs may run at once."""
    controls.limit_queue(name, order.limit, by=actor(request).name)
    return one_queue(request, name)
