"""Error groups: what fails, how often, in which jobs; resolve, mute, reopen."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import ptag

from jobs import db
from jobs.errors import InvalidDocument, Refused
from jobs.models import ErrorGroup, Event
from jobs.pages.operations.error_days import DAYS, NEW_H, bars, rows_of_groups
from jobs.pages.shared.counting import count_all, shown
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused, see, tag
from jobs.pages.shared.numbers import whole_number
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.operations import controls
from jobs.states import ErrorState, JobStatus

MAX_PAGE = 1000
PAGE = 50
HISTORY = ("error.resolved", "error.reopened", "error.muted", "error.regressed")
SORTS = {
    "last": ("Last seen", "-last_seen_at"),
    "count": ("Count", "-count"),
    "first": ("First seen", "-first_seen_at"),
}
MUTES = {"24h": "24 hours", "7d": "7 days", "100": "100 more"}


def _tabs(rows: Any) -> dict[str, Any]:
    opened = rows.filter(state=ErrorState.OPEN)
    return {
        "open": opened,
        "new": opened.filter(first_seen_at__gte=db.now() - timedelta(hours=NEW_H)),
        "regressed": opened.filter(regressed_at__isnull=False),
        "muted": rows.filter(state=ErrorState.MUTED),
        "resolved": rows.filter(state=ErrorState.RESOLVED),
    }


@page()
def errors(request: PageRequest) -> HttpResponse:
    return render(request, "errors/list.html", _list(request))


def _asked(request: PageRequest) -> tuple[dict[str, Any], list[ErrorGroup]]:
    """What the address asks for, and the groups on that page and one more."""
    tabs, chosen = _tabs(request.actor.errors()), request.GET.get("is", "open")
    chosen = chosen if chosen in tabs else "open"
    found = tabs[chosen]
    tool, question = request.GET.get("tool", ""), request.GET.get("q", "").replace("\0", "").strip()[:200]
    if tool:
        found = found.filter(tool=tool)
    if question:
        found = found.filter(
            Q(message__icontains=question) | Q(signature__startswith=question) | Q(category__icontains=question)
        )
    sort, number = request.GET.get("sort", "last"), whole_number(request.GET.get("page"), 1, least=1, most=MAX_PAGE)
    first = (number - 1) * PAGE
    groups = list(found.order_by(SORTS.get(sort, SORTS["last"])[1], "-pk")[first : first + PAGE + 1])
    return {"tab": chosen, "q": question, "tool": tool, "sort": sort, "page": number}, groups


def _list(request: PageRequest) -> dict[str, Any]:
    asked, found = _asked(request)
    rows, groups, number = request.actor.errors(), found[:PAGE], asked["page"]
    tabs, first = _tabs(rows), (number - 1) * PAGE
    counts = count_all({name: tabs[name] for name in ("open", "new", "regressed", "muted")})
    return asked | {
        "rows": rows_of_groups(request.actor, groups),
        "sorts": SORTS,
        "any": rows.exists(),
        "tabs": [(name, name.capitalize(), shown(counts[name]) if name in counts else "") for name in tabs],
        "tools": sorted(rows.order_by().values_list("tool", flat=True).distinct()[:20]),
        "may_operate": request.actor.may("operate"),
        "days": DAYS,
        "first": first + 1,
        "last": first + len(groups),
        "earlier": number - 1,
        "later": number + 1 if len(found) > PAGE else 0,
    }


def _rows_tag(request: PageRequest) -> str:
    groups: list[ErrorGroup] = _asked(request)[1][:PAGE]
    request.polled = groups
    return tag(*((group.pk, group.count, group.state, group.last_seen_at) for group in groups))


@page(part=True)
@ptag(_rows_tag)
def rows(request: PageRequest) -> HttpResponse:
    context = {
        "rows": rows_of_groups(request.actor, request.polled),
        "may_operate": request.actor.may("operate"),
        "days": DAYS,
    }
    return render(request, "errors/_rows.html", context)


def _found(request: PageRequest, signature: str) -> ErrorGroup:
    found = request.actor.errors().filter(signature=signature).first()
    if found is None:
        raise missing("error", signature)
    return found


@page()
def error(request: PageRequest, signature: str) -> HttpResponse:
    group = _found(request, signature)
    since = db.now() - timedelta(days=DAYS)
    seen = request.actor.attempts().filter(error=group).select_related("job").defer("job__spec", "handoff")
    attempts = list(seen.order_by("-pk")[:60])
    days = Counter(
        {
            row["day"]: row["n"]
            for row in seen.filter(completed_at__gte=since)
            .order_by()
            .annotate(day=TruncDate("completed_at"))
            .values("day")
            .annotate(n=Count("pk"))
        }
    )
    jobs = list({attempt.job_id: attempt.job for attempt in attempts}.values())
    # Ordered by time, not by key: by key SQLite would read all events backwards instead of the few of these types.
    history = Event.objects.filter(event_type__in=HISTORY, payload_json__signature=signature).order_by("-timestamp")[:6]
    return render(
        request,
        "errors/detail.html",
        {
            "group": group,
            "latest": attempts[0] if attempts else None,
            "bars": bars(days, db.now().date(), 64),
            "recent": sum(days.values()),
            "jobs": jobs[:12],
            "job_count": len(jobs),
            "history": history,
            "mutes": MUTES,
            "fixed": [job for job in jobs if job.status == JobStatus.COMPLETED][:5],
            "tools": Counter(attempt.step_name for attempt in attempts).most_common(5),
            "streams": sorted({attempt.ws_id for attempt in attempts})[:6],
            "nodes": sorted({attempt.node for attempt in attempts if attempt.node})[:6],
            "may_operate": request.actor.may("operate"),
            "days": DAYS,
        },
    )


@page("POST", scope="operate")
def act(request: PageRequest, signature: str, verb: str) -> HttpResponse:
    group, to = _found(request, signature), resolve_url("error", signature=signature)
    try:
        return done(request, change(group, verb, request.actor.name, request.POST.get("until", "24h")), to)
    except Refused as refusal:
        return refused(request, refusal, to)


@page("POST", scope="operate")
def bulk(request: PageRequest) -> HttpResponse:
    chosen = request.actor.errors().filter(signature__in=request.POST.getlist("id")[:PAGE])
    for group in chosen:
        change(group, request.POST.get("action", ""), request.actor.name, "24h")
    return see(resolve_url("errors"))


def change(group: ErrorGroup, verb: str, by: str, until: str) -> str:
    """Do it; the sentence that says what was done. Raises Refused."""
    if verb == "resolve":
        controls.resolve_error(group, by=by)
        return "Resolved. It comes back as regressed if it is seen again."
    if verb == "reopen":
        controls.reopen_error(group, by=by)
        return "Reopened."
    if verb != "mute":
        raise InvalidDocument(f"Unknown action {verb!r}; use resolve, mute or reopen.")
    if until == "100":
        controls.mute_error(group, by=by, more=100)
    else:
        controls.mute_error(group, by=by, until=db.now() + timedelta(days=7 if until == "7d" else 1))
    return f"Muted for {MUTES.get(until, MUTES['24h'])}."
