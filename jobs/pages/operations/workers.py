"""Worker hosts and queues: what they can take, and the switches for operators."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import ptag

from jobs.errors import Refused
from jobs.models import Node
from jobs.pages.operations.rule_forms import unknown
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused, tag
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.operations import controls
from jobs.services.reading.queue_status import QueueStatus, queue_statuses
from jobs.services.reading.worker_status import WorkerStatus, worker_statuses


def _context(request: PageRequest) -> dict[str, Any]:
    workers = worker_statuses(request.actor)
    usable = [worker for worker in workers if worker.takes_jobs]
    return {
        "workers": workers,
        "queues": queue_statuses(request.actor),
        "may_operate": request.actor.may("operate"),
        "reachable": sum(worker.reachable for worker in workers),
        "busy": sum(worker.running for worker in usable),
        "slots": sum(worker.node.slots for worker in usable),
    }


@page()
def workers(request: PageRequest) -> HttpResponse:
    return render(request, "capacity/workers.html", _context(request))


def _tag(request: PageRequest) -> str:
    request.polled = _context(request)
    shown: list[WorkerStatus] = request.polled["workers"]
    queues: list[QueueStatus] = request.polled["queues"]
    return tag(
        [(one.node.pk, one.state, [attempt.pk for attempt in one.attempts], one.node.version) for one in shown],
        [(one.name, one.queued, one.running, one.waiting, one.paused, one.limit) for one in queues],
    )


@page(part=True)
@ptag(_tag)
def workers_part(request: PageRequest) -> HttpResponse:
    return render(request, "capacity/_workers.html", request.polled)


@page("POST", scope="operate")
def worker_act(request: PageRequest, name: str, verb: str) -> HttpResponse:
    node, to = Node.objects.filter(name=name).first(), resolve_url("workers")
    if node is None:
        raise missing("worker", name)
    try:
        return done(request, _act(request, node, verb), to)
    except Refused as refusal:
        return refused(request, refusal, to)


def _act(request: PageRequest, node: Node, verb: str) -> str:
    """Do it, and say what was done. Raises Refused."""
    by = request.actor.name
    match verb:
        case "drain":
            controls.drain_node(node, by=by)
            return f"{node.name} finishes what it runs and takes nothing more."
        case "resume":
            controls.drain_node(node, by=by, draining=False)
            return f"{node.name} takes jobs again."
        case "forget":
            controls.forget_node(node, by=by)
            return f"{node.name} is forgotten."
    raise unknown(verb)
