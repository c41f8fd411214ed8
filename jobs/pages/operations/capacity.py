"""Tools, workers and queues: what they can take, what holds them back, and the switches for operators."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2s
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import ptag

from adapters import registry
from jobs import db
from jobs.access import Actor
from jobs.errors import InvalidDocument, Refused
from jobs.models import Node, QueueControl, ToolControl
from jobs.pages.jobs.job_list import decorate, rows_of
from jobs.pages.operations.overview import loads, slots, tallies
from jobs.pages.operations.statistics import rate
from jobs.pages.operations.workers import Worker, workers_now
from jobs.pages.shared.durations import usual
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused
from jobs.pages.shared.page_view import Visit, page
from jobs.services.operations import controls
from jobs.states import ALIVE, FAILURES, AttemptStatus, CircuitState, JobStatus

DAY = timedelta(hours=24)


def tool_rows(actor: Actor) -> list[dict[str, Any]]:
    """Every adapter, with its last day: a failing test is a success of the tool that ran it."""
    known, times = registry.adapters(), usual()
    load = {row["tool"]: row for row in loads(tallies(actor))}
    ended = {
        row["step_name"]: row
        for row in actor.attempts()
        .filter(completed_at__gte=db.now() - DAY)
        .values("step_name")
        .annotate(
            good=Count("pk", filter=Q(status=AttemptStatus.COMPLETED) | Q(reason="tests_failed")),
            bad=Count(
                "pk", filter=Q(status__in=(AttemptStatus.FAILED, AttemptStatus.TIMEOUT)) & ~Q(reason="tests_failed")
            ),
        )
        .order_by()
    }
    nodes = [worker.node for worker in workers_now() if worker.reachable]
    rows = []
    for name in sorted({*known, *load}):
        done_ = ended.get(name, {"good": 0, "bad": 0})
        state = load.get(name, {"running": 0, "queued": 0, "limit": None, "control": None, "oldest": None})
        success = rate(done_["good"], done_["bad"])
        versions = {str(node.tools[name].get("version") or "") for node in nodes if _has(node, name)} - {""}
        rows.append(
            {
                "name": name,
                "adapter": known.get(name),
                "success": success,
                "ended": done_["good"] + done_["bad"],
                "usual": times.get(name),
                "health": health(state["control"], success),
                **state,
                "slots": slots(state["running"], state["limit"]),
                "versions": sorted(versions),
                "nodes": [node.name for node in nodes if _has(node, name)],
                "node_count": len(nodes),
            }
        )
    return rows


def _has(node: Node, tool: str) -> bool:
    return isinstance(node.tools.get(tool), dict) and node.tools[tool].get("available", True)


def health(control: ToolControl | None, success: float | None) -> str:
    if control is not None and control.paused:
        return "paused"
    if control is not None and control.circuit == CircuitState.OPEN:
        return "circuit_open"
    if control is not None and control.circuit == CircuitState.HALF_OPEN:
        return "half_open"
    return "degraded" if success is not None and success < 80 else "healthy"


def _tools_tag(request: Visit) -> str:
    request.polled = tool_rows(request.actor)
    return _hash([(row["name"], row["health"], row["running"], row["queued"], row["ended"]) for row in request.polled])


def _hash(value: object) -> str:
    return blake2s(repr(value).encode(), digest_size=9).hexdigest()


@page()
def tools(request: Visit) -> HttpResponse:
    return render(
        request, "capacity/tools.html", {"rows": tool_rows(request.actor), "may_operate": request.actor.may("operate")}
    )


@page(part=True)
@ptag(_tools_tag)
def tools_part(request: Visit) -> HttpResponse:
    return render(request, "capacity/_tools.html", {"rows": request.polled})


@page()
def tool(request: Visit, name: str) -> HttpResponse:
    row = next((row for row in tool_rows(request.actor) if row["name"] == name), None)
    if row is None:
        raise missing("tool", name)
    jobs = list(rows_of(request.actor.jobs().filter(tool=name)).order_by("-pk")[:12])
    return render(
        request,
        "capacity/tool.html",
        {"row": row, "control": row["control"], "jobs": decorate(jobs), "may_operate": request.actor.may("operate")},
    )


TOOL_VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "pause": (controls.pause_tool, "{name} is paused: running jobs go on, no new one starts."),
    "resume": (controls.resume_tool, "{name} takes jobs again."),
    "close": (controls.close_circuit, "The circuit of {name} is closed."),
    "try": (controls.try_tool_now, "One job of {name} may start as a trial."),
}


@page("POST", scope="operate")
def tool_act(request: Visit, name: str, verb: str) -> HttpResponse:
    to = resolve_url("tool", name=name)
    try:
        if verb == "limit":
            controls.limit_tool(name, _limit(request), by=request.actor.name)
            return done(request, f"The limit of {name} is set.", to)
        call, said = TOOL_VERBS.get(verb) or _unknown(verb)
        reason = {"reason": request.POST.get("reason", "")[:200]} if verb == "pause" else {}
        call(name, by=request.actor.name, **reason)
    except Refused as refusal:
        return refused(request, refusal, to)
    return done(request, said.format(name=name), to)


def _unknown(verb: str) -> Any:
    raise InvalidDocument(f"Unknown action {verb!r}.")


def _limit(request: Visit) -> int | None:
    text = request.POST.get("limit", "").strip()
    if not text:
        return None
    if not text.isdigit() or int(text) > 100_000:
        raise InvalidDocument("A limit is a whole number, or empty for none.")
    return int(text)


def queue_rows(actor: Actor) -> list[dict[str, Any]]:
    states = (JobStatus.QUEUED, JobStatus.WAITING, JobStatus.RETRYING, *ALIVE)
    counted = (
        actor.jobs()
        .filter(status__in=states)
        .values("queue")
        .annotate(
            queued=Count("pk", filter=Q(status=JobStatus.QUEUED)),
            running=Count("pk", filter=Q(status__in=ALIVE)),
            later=Count("pk", filter=Q(status__in=(JobStatus.WAITING, JobStatus.RETRYING))),
            oldest=Min("queued_at", filter=Q(status=JobStatus.QUEUED)),
        )
        .order_by()
    )
    found = {row["queue"]: row for row in counted}
    kept = {control.name: control for control in QueueControl.objects.all()}
    empty = {"queued": 0, "running": 0, "later": 0, "oldest": None}
    names = sorted({*found, *kept, *settings.ENGINE_QUEUES, "default"})
    return [{"name": name, "control": kept.get(name), **(found.get(name) or empty)} for name in names]


def _capacity(request: Visit) -> dict[str, Any]:
    found = workers_now()
    usable = [worker for worker in found if worker.state in ("busy", "idle")]
    return {
        "workers": found,
        "queues": queue_rows(request.actor),
        "may_operate": request.actor.may("operate"),
        "reachable": sum(worker.reachable for worker in found),
        "busy": sum(worker.busy for worker in found),
        "slots": sum(worker.node.slots for worker in usable),
    }


@page()
def workers(request: Visit) -> HttpResponse:
    return render(request, "capacity/workers.html", _capacity(request))


def _workers_tag(request: Visit) -> str:
    request.polled = _capacity(request)
    shown: list[Worker] = request.polled["workers"]
    nodes = [(w.node.pk, w.state, [a.pk for a in w.attempts], w.node.version) for w in shown]
    queues = [
        (q["name"], q["queued"], q["running"], q["later"], q["control"] and q["control"].paused)
        for q in request.polled["queues"]
    ]
    return _hash((nodes, queues))


@page(part=True)
@ptag(_workers_tag)
def workers_part(request: Visit) -> HttpResponse:
    return render(request, "capacity/_workers.html", request.polled)


@page("POST", scope="operate")
def worker_act(request: Visit, name: str, verb: str) -> HttpResponse:
    node, to = Node.objects.filter(name=name).first(), resolve_url("workers")
    if node is None:
        raise missing("worker", name)
    try:
        if verb == "forget":
            controls.forget_node(node, by=request.actor.name)
            return done(request, f"{name} is forgotten.", to)
        if verb not in ("drain", "resume"):
            _unknown(verb)
        controls.drain_node(node, by=request.actor.name, draining=verb == "drain")
    except Refused as refusal:
        return refused(request, refusal, to)
    said = "finishes what it runs and takes nothing more" if verb == "drain" else "takes jobs again"
    return done(request, f"{name} {said}.", to)


@page()
def queue(request: Visit, name: str) -> HttpResponse:
    row = next((row for row in queue_rows(request.actor) if row["name"] == name), None)
    if row is None:
        raise missing("queue", name)
    ended = (
        request.actor.jobs()
        .filter(queue=name, finished_at__gte=db.now() - timedelta(hours=1))
        .aggregate(out=Count("pk"), bad=Count("pk", filter=Q(status__in=FAILURES)))
    )
    came = request.actor.jobs().filter(queue=name, created_at__gte=db.now() - timedelta(hours=1)).count()
    waiting = rows_of(request.actor.jobs().filter(queue=name, status=JobStatus.QUEUED))
    nodes = [worker for worker in workers_now() if name in worker.node.queues]
    return render(
        request,
        "capacity/queue.html",
        {
            "row": row,
            "control": row["control"],
            "ended": ended,
            "came": came,
            "nodes": nodes,
            "rows": decorate(list(waiting.order_by("claim_order", "pk")[:50])),
            "may_operate": request.actor.may("operate"),
        },
    )


@page("POST", scope="operate")
def queue_act(request: Visit, name: str, verb: str) -> HttpResponse:
    to, who = resolve_url("queue", name=name), request.actor.name
    try:
        if verb == "pause":
            controls.pause_queue(name, by=who, reason=request.POST.get("reason", "")[:200])
        elif verb == "resume":
            controls.resume_queue(name, by=who)
        elif verb == "limit":
            controls.limit_queue(name, _limit(request), by=who)
        else:
            _unknown(verb)
    except Refused as refusal:
        return refused(request, refusal, to)
    said = {"pause": "is paused", "resume": "runs again", "limit": "has its new limit"}[verb]
    return done(request, f"Queue {name} {said}.", to)
