"""Runs and workstreams: the list, the board, the graph, the timeline, the report."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import ptag

from jobs.errors import Refused
from jobs.models import Job, Run, Workstream
from jobs.pages.jobs.job_detail import tell_event
from jobs.pages.jobs.job_list import decorate, rows_of
from jobs.pages.runs.dependency_graph import draw as draw_graph
from jobs.pages.runs.run_board import MAX_JOBS, Board, Progress, board_of, jobs_of_run, lanes_of_runs, progress
from jobs.pages.runs.timeline import draw as draw_timeline
from jobs.pages.shared.counting import count_all, shown
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused, tag
from jobs.pages.shared.numbers import whole_number
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.operations import controls
from jobs.states import ACTIVE_RUNS, JobStatus, RunStatus

PAGE = 30


@dataclass(frozen=True)
class RunRow:
    """A run in the list, with the state of its workstreams."""

    run: Run
    progress: Progress


@page()
def runs(request: PageRequest) -> HttpResponse:
    state, question = request.GET.get("state", ""), request.GET.get("q", "").strip()[:200]
    rows = every = request.actor.runs()
    if state == "active":
        rows = rows.filter(status__in=ACTIVE_RUNS)
    elif state in RunStatus.values:
        rows = rows.filter(status=state)
    if question:
        rows = rows.filter(
            Q(run_id__icontains=question) | Q(title__icontains=question) | Q(workstreams__ws_id__icontains=question)
        ).distinct()
    before = whole_number(request.GET.get("before"), None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    shown_rows = found[:PAGE]
    lanes = lanes_of_runs(request.actor.jobs(), [run.run_id for run in shown_rows])
    counts = count_all({"active": every.filter(status__in=ACTIVE_RUNS)})
    return render(
        request,
        "runs/list.html",
        {
            "rows": [RunRow(run, progress(lanes.get(run.run_id, []))) for run in shown_rows],
            "older": shown_rows[-1].pk if len(found) > PAGE else None,
            "newer": None,
            "state": state,
            "q": question,
            "active": shown(counts["active"]),
            "any": bool(found) or every.exists(),
        },
    )


def find_run(request: PageRequest, run_id: str) -> Run:
    run = request.actor.runs().filter(run_id=run_id).first()
    if run is None:
        raise missing("run", run_id)
    return run


def _context(request: PageRequest, run: Run, tab: str) -> dict[str, Any]:
    jobs = jobs_of_run(request.actor.jobs(), run)
    board = board_of(request.actor.workstreams().filter(run=run), jobs)
    return {
        "run": run,
        "tab": tab,
        "board": board,
        "jobs": jobs,
        "bar": board.progress.bar,
        "said": board.progress.words,
        "live": run.is_active,
        "may_operate": request.actor.may("operate"),
    }


@page()
def run(request: PageRequest, run_id: str) -> HttpResponse:
    found = find_run(request, run_id)
    context = _context(request, found, "radar")
    latest = request.actor.events().filter(run=found).select_related("job").defer("job__spec").order_by("-pk")[:8]
    return render(
        request,
        "runs/radar.html",
        context | {"lanes": context["board"].columns(), "latest": [tell_event(event) for event in latest]},
    )


def _radar_tag(request: PageRequest, run_id: str, **_: str) -> str:
    found = find_run(request, run_id)
    request.polled = found
    jobs = request.actor.jobs().filter(run=found).order_by("pk").values_list("pk", "version")
    return tag(*jobs[:MAX_JOBS], found.status)


def _timeline_tag(request: PageRequest, run_id: str) -> str:
    request.polled = _timeline(request, find_run(request, run_id))
    return tag(*((job.pk, job.version) for job in request.polled["jobs"]), request.polled["timeline"].drawn)


@page(part=True)
@ptag(_timeline_tag)
def timeline_part(request: PageRequest, run_id: str) -> HttpResponse:
    return render(request, "runs/_timeline.html", request.polled)


@page(part=True)
@ptag(_radar_tag)
def radar(request: PageRequest, run_id: str) -> HttpResponse:
    context = _context(request, request.polled, "radar")
    return render(request, "runs/_radar.html", context | {"lanes": context["board"].columns()})


@page()
def graph(request: PageRequest, run_id: str) -> HttpResponse:
    context = _context(request, find_run(request, run_id), "graph")
    board: Board = context["board"]
    cards = board.cards
    table = [
        {
            "card": card,
            "needs": [cards[pk].name for pk in sorted(card.needs)],
            "wanted_by": [cards[pk].name for pk in sorted(card.wanted_by)],
        }
        for card in cards.values()
    ]
    return render(request, "runs/graph.html", context | {"drawing": draw_graph(cards), "table": table})


@page()
def timeline(request: PageRequest, run_id: str) -> HttpResponse:
    return render(request, "runs/timeline.html", _timeline(request, find_run(request, run_id)))


def _timeline(request: PageRequest, found: Run) -> dict[str, Any]:
    context = _context(request, found, "timeline")
    attempts = list(
        request.actor.attempts()
        .filter(run=found)
        .select_related("job")
        .only("status", "started_at", "completed_at", "job__workstream_id")
        .order_by("started_at")[:2000]
    )
    return context | {"timeline": draw_timeline(found, context["board"].cards, attempts)}


@page()
def report(request: PageRequest, run_id: str) -> HttpResponse:
    """The run on one page, made to be printed."""
    context = _context(request, find_run(request, run_id), "report")
    return render(request, "runs/report.html", context)


@page()
def workstream(request: PageRequest, run_id: str, ws_id: str) -> HttpResponse:
    stream = _stream(request, run_id, ws_id)
    jobs: list[Job] = list(rows_of(request.actor.jobs().filter(workstream=stream)).order_by("-pk")[:100])
    elsewhere = request.actor.workstreams().filter(ws_id=ws_id).exclude(pk=stream.pk).select_related("run")[:10]
    return render(
        request,
        "runs/workstream.html",
        {
            "stream": stream,
            "run": stream.run,
            "rows": decorate(jobs),
            "elsewhere": elsewhere,
            "may_operate": request.actor.may("operate"),
            "done": sum(job.status == JobStatus.COMPLETED for job in jobs),
        },
    )


def _stream(request: PageRequest, run_id: str, ws_id: str) -> Workstream:
    found = request.actor.workstreams().select_related("run").filter(run_id=run_id, ws_id=ws_id).first()
    if found is None:
        raise missing("workstream", ws_id)
    return found


@page("POST", scope="operate")
def lock(request: PageRequest, run_id: str, ws_id: str) -> HttpResponse:
    """Lock or unlock: a locked workstream takes no new jobs."""
    stream, to = _stream(request, run_id, ws_id), resolve_url("workstream", run_id=run_id, ws_id=ws_id)
    try:
        if request.POST.get("do") == "unlock":
            controls.unlock_workstream(stream, by=request.actor.name)
            return done(request, f"{ws_id} takes jobs again.", to)
        controls.lock_workstream(stream, by=request.actor.name, reason=request.POST.get("reason", "")[:200])
    except Refused as refusal:
        return refused(request, refusal, to)
    return done(request, f"{ws_id} is locked.", to)
