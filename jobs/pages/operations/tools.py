"""Tools: where they are installed, how they do, and the switches for operators."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import ptag

from jobs.access import Actor
from jobs.errors import Refused
from jobs.pages.jobs.job_list import decorate, rows_of
from jobs.pages.operations.rule_forms import LimitForm, reason_of, unknown
from jobs.pages.shared.durations import Usual, usual
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused, tag
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.operations import controls
from jobs.services.reading.tool_status import ToolStatus, find_tool, tool_statuses

JOBS_SHOWN = 12


@dataclass(frozen=True)
class ToolRow:
    tool: ToolStatus
    usual: Usual | None


def _rows(actor: Actor) -> list[ToolRow]:
    times = usual()
    return [ToolRow(tool, times.get(tool.name)) for tool in tool_statuses(actor)]


def _tag(request: PageRequest) -> str:
    rows = request.polled = _rows(request.actor)
    return tag(*((row.usual, *_shown(row.tool)) for row in rows))


def _shown(tool: ToolStatus) -> tuple[object, ...]:
    """What changes of a tool in the table; the age of the oldest job is left out."""
    rules = (tool.limit, tool.paused_reason, tool.failures, tool.retry_at, tool.last_failure)
    return tool.name, tool.health, tool.versions, tool.workers_alive, tool.running, tool.queued, tool.success, rules


@page()
def tools(request: PageRequest) -> HttpResponse:
    return render(request, "capacity/tools.html", {"rows": _rows(request.actor)})


@page(part=True)
@ptag(_tag)
def tools_part(request: PageRequest) -> HttpResponse:
    return render(request, "capacity/_tools.html", {"rows": request.polled})


@page()
def tool(request: PageRequest, name: str) -> HttpResponse:
    return _show(request, _found(request, name))


def _show(request: PageRequest, found: ToolStatus, form: LimitForm | None = None) -> HttpResponse:
    name = found.name
    jobs = list(rows_of(request.actor.jobs().filter(tool=name)).order_by("-pk")[:JOBS_SHOWN])
    return render(
        request,
        "capacity/tool.html",
        {
            "tool": found,
            "usual": usual().get(name),
            "jobs": decorate(jobs),
            "may_operate": request.actor.may("operate"),
            "form": form or LimitForm(initial={"limit": found.limit}),
        },
        status=422 if form else 200,
    )


def _found(request: PageRequest, name: str) -> ToolStatus:
    found = find_tool(request.actor, name)
    if found is None:
        raise missing("tool", name)
    return found


@page("POST", scope="operate")
def tool_act(request: PageRequest, name: str, verb: str) -> HttpResponse:
    found, form = _found(request, name), LimitForm(request.POST)
    to = resolve_url("tool", name=name)
    if verb == "limit" and not form.is_valid():
        return _show(request, found, form)
    try:
        return done(request, _act(request, name, verb, form), to)
    except Refused as refusal:
        return refused(request, refusal, to)


def _act(request: PageRequest, name: str, verb: str, form: LimitForm) -> str:
    """Do it, and say what was done. Raises Refused."""
    by = request.actor.name
    match verb:
        case "pause":
            controls.pause_tool(name, by=by, reason=reason_of(request))
            return f"{name} is paused: running jobs go on, no new ones start."
        case "resume":
            controls.resume_tool(name, by=by)
            return f"{name} takes jobs again."
        case "limit":
            controls.limit_tool(name, form.cleaned_data["limit"], by=by)
            return f"The limit of {name} is set."
        case "close":
            controls.close_circuit(name, by=by)
            return f"The circuit of {name} is closed."
        case "try":
            controls.try_tool_now(name, by=by)
            return f"One job of {name} may start as a trial."
    raise unknown(verb)
