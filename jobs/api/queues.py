"""Queues: what waits in them, and what operators set."""

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import StringConstraints

from jobs.api.auth import OPERATE, READ, actor
from jobs.api.responses import answers
from jobs.api.tools import LimitIn, PauseIn, counted
from jobs.errors import NotFound
from jobs.models import Job, Node, QueueControl
from jobs.services.operations import controls
from jobs.states import ALIVE, JobStatus

router = Router(tags=["queues"])
Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00/]+$")]
UNSET = QueueControl()
WAITING = (JobStatus.WAITING, JobStatus.RETRYING)


class QueueOut(Schema):
    """One queue: the jobs in it, and what operators set."""

    name: str
    paused: bool
    paused_reason: str
    limit: int | None
    queued: int
    waiting: int
    running: int
    workers: list[str]


class QueuesOut(Schema):
    items: list[QueueOut]


def all_queues() -> list[dict[str, Any]]:
    rows = {row.name: row for row in QueueControl.objects.all()}
    queued, waiting, running = counted([JobStatus.QUEUED], "queue"), counted(WAITING, "queue"), counted(ALIVE, "queue")
    nodes = list(Node.objects.filter(stopped_at=None))
    names = {*settings.ENGINE_QUEUES, *rows, *queued, *waiting, *running, *(q for node in nodes for q in node.queues)}
    return [
        {
            "name": name,
            "queued": queued.get(name, 0),
            "waiting": waiting.get(name, 0),
            "running": running.get(name, 0),
            "workers": [node.name for node in nodes if name in node.queues],
            **{field: getattr(rows.get(name, UNSET), field) for field in ("paused", "paused_reason", "limit")},
        }
        for name in sorted(names)
        if not name.startswith("here:")
    ]


def one_queue(name: str) -> dict[str, Any]:
    for queue in all_queues():
        if queue["name"] == name:
            return queue
    if Job.objects.filter(queue=name).exists():
        return {
            "name": name,
            "paused": False,
            "paused_reason": "",
            "limit": None,
            "queued": 0,
            "waiting": 0,
            "running": 0,
            "workers": [],
        }
    raise NotFound(f"Queue {name} not found.")


@router.get("", auth=READ, operation_id="queues_list", summary="List queues", response=answers(QueuesOut))
def list_queues(request: HttpRequest) -> Any:
    """Every queue that has a worker, an unfinished job or a rule."""
    return {"items": all_queues()}


@router.get("/{name}", auth=READ, operation_id="queues_get", summary="Get a queue", response=answers(QueueOut, 404))
def get_queue(request: HttpRequest, name: Name) -> Any:
    """One queue, by its name."""
    return one_queue(name)


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
    return one_queue(name)


@router.post(
    "/{name}/resume", auth=OPERATE, operation_id="queues_resume", summary="Resume a queue", response=answers(QueueOut)
)
def resume(request: HttpRequest, name: Name) -> Any:
    """Start its jobs again."""
    controls.resume_queue(name, by=actor(request).name)
    return one_queue(name)


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
    return one_queue(name)
