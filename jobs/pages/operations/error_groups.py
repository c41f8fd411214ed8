"""Kinds of errors: what fails, how often, in which jobs; resolve, mute, reopen."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import blake2s
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import ptag

from jobs import db
from jobs.access import Actor
from jobs.errors import InvalidDocument, Refused
from jobs.models import ErrorGroup, Event
from jobs.pages.shared.charts import days_path
from jobs.pages.shared.counting import count_all, shown
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused, see
from jobs.pages.shared.page_view import Visit, page
from jobs.services.operations import controls
from jobs.states import ErrorState, JobStatus

DAYS = 14
PAGE = 50
NEW_H = 24
TOLD = ("error.resolved", "error.reopened", "error.muted", "error.regressed")
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
def errors(request: Visit) -> HttpResponse:
    return render(request, "errors/list.html", _list(request))


def _asked(request: Visit) -> tuple[dict[str, Any], list[ErrorGroup]]:
    """What the address asks for, and the kinds on that page and one more."""
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
    sort, number = request.GET.get("sort", "last"), _page_number(request.GET.get("page", ""))
    first = (number - 1) * PAGE
    kinds = list(found.order_by(SORTS.get(sort, SORTS["last"])[1], "-pk")[first : first + PAGE + 1])
    return {"tab": chosen, "q": question, "tool": tool, "sort": sort, "page": number}, kinds


def _list(request: Visit) -> dict[str, Any]:
    asked, found = _asked(request)
    rows, kinds, number = request.actor.errors(), found[:PAGE], asked["page"]
    tabs, first = _tabs(rows), (number - 1) * PAGE
    _count_days(request.actor, kinds)
    counts = count_all({name: tabs[name] for name in ("open", "new", "regressed", "muted")})
    return asked | {
        "kinds": kinds,
        "sorts": SORTS,
        "any": rows.exists(),
        "tabs": [(name, name.capitalize(), shown(counts[name]) if name in counts else "") for name in tabs],
        "tools": sorted(rows.order_by().values_list("tool", flat=True).distinct()[:20]),
        "may_operate": request.actor.may("operate"),
        "days": DAYS,
        "first": first + 1,
        "last": first + len(kinds),
        "earlier": number - 1,
        "later": number + 1 if len(found) > PAGE else 0,
    }


def _page_number(text: str) -> int:
    """Plain numbers: kinds of errors are few, and the order they come in changes under any cursor."""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text[:5]) <= 1000 else 1


def _count_days(actor: Actor, kinds: Sequence[ErrorGroup]) -> None:
    """Bars of the last 14 days and the number of jobs, with one query for all rows."""
    today = db.now().date()
    rows = (
        actor.attempts()
        .filter(error__in=list(kinds), completed_at__gte=db.now() - timedelta(days=DAYS))
        .annotate(day=TruncDate("completed_at"))
        .values("error_id", "day")
        .annotate(n=Count("pk"), jobs=Count("job", distinct=True))
        .order_by()
        if kinds
        else []
    )
    days: dict[int, Counter[date]] = defaultdict(Counter)
    jobs: Counter[int] = Counter()
    for row in rows:
        days[row["error_id"]][row["day"]] += row["n"]
        jobs[row["error_id"]] += row["jobs"]
    shown_days = last_days(today)
    for kind in kinds:
        kind.drawn = days_path([days[kind.pk][day] for day in shown_days])  # type: ignore[attr-defined]
        kind.recent = sum(days[kind.pk].values())  # type: ignore[attr-defined]
        kind.jobs_seen = jobs[kind.pk]  # type: ignore[attr-defined]
        kind.is_new = kind.first_seen_at >= db.now() - timedelta(hours=NEW_H)  # type: ignore[attr-defined]


def last_days(today: date) -> list[date]:
    return [today - timedelta(days=DAYS - 1 - index) for index in range(DAYS)]


def bars(counts: Counter[date], today: date, height: int) -> list[dict[str, str]]:
    """One bar a day; a day without any shows the ground line, today is red."""
    numbers = [counts[day] for day in last_days(today)]
    most = max(numbers) or 1
    step = 100 / DAYS
    found = []
    for index, number in enumerate(numbers):
        tall = max(1.0, number / most * height)
        kind = "track" if not number else "bad" if index == DAYS - 1 else "dim"
        found.append(
            {
                "x": f"{index * step:.1f}%",
                "width": f"{step * 0.72:.1f}%",
                "y": f"{height - tall:.1f}",
                "height": f"{tall:.1f}",
                "kind": kind,
            }
        )
    return found


def _rows_tag(request: Visit) -> str:
    request.polled = _asked(request)[1][:PAGE]
    said = [(kind.pk, kind.count, kind.state, kind.last_seen_at) for kind in request.polled]
    return blake2s(repr(said).encode(), digest_size=9).hexdigest()


@page(part=True)
@ptag(_rows_tag)
def rows(request: Visit) -> HttpResponse:
    _count_days(request.actor, request.polled)
    return render(
        request,
        "errors/_rows.html",
        {"kinds": request.polled, "may_operate": request.actor.may("operate"), "days": DAYS},
    )


def _kind(request: Visit, signature: str) -> ErrorGroup:
    found = request.actor.errors().filter(signature=signature).first()
    if found is None:
        raise missing("error", signature)
    return found


@page()
def error(request: Visit, signature: str) -> HttpResponse:
    kind = _kind(request, signature)
    since = db.now() - timedelta(days=DAYS)
    seen = request.actor.attempts().filter(error=kind).select_related("job").defer("job__spec", "handoff")
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
    # Ordered by time, not by key: by key SQLite would read all events backwards instead of the few of these kinds.
    told = Event.objects.filter(event_type__in=TOLD, payload_json__signature=signature).order_by("-timestamp")[:6]
    return render(
        request,
        "errors/detail.html",
        {
            "kind": kind,
            "latest": attempts[0] if attempts else None,
            "bars": bars(days, db.now().date(), 64),
            "recent": sum(days.values()),
            "jobs": jobs[:12],
            "job_count": len(jobs),
            "told": told,
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
def act(request: Visit, signature: str, verb: str) -> HttpResponse:
    kind, to = _kind(request, signature), resolve_url("error", signature=signature)
    try:
        said = change(kind, verb, request.actor.name, request.POST.get("until", "24h"))
    except Refused as refusal:
        return refused(request, refusal, to)
    return done(request, said, to)


@page("POST", scope="operate")
def bulk(request: Visit) -> HttpResponse:
    chosen = request.actor.errors().filter(signature__in=request.POST.getlist("id")[:PAGE])
    for kind in chosen:
        change(kind, request.POST.get("action", ""), request.actor.name, "24h")
    return see(resolve_url("errors"))


def change(kind: ErrorGroup, verb: str, by: str, until: str) -> str:
    """Do it, and say what was done. Raises Refused."""
    if verb == "resolve":
        controls.resolve_error(kind, by=by)
        return "Resolved. It comes back as regressed if it is seen again."
    if verb == "reopen":
        controls.reopen_error(kind, by=by)
        return "Open again."
    if verb != "mute":
        raise InvalidDocument(f"Unknown action {verb!r}; use resolve, mute or reopen.")
    if until == "100":
        controls.mute_error(kind, by=by, more=100)
    else:
        controls.mute_error(kind, by=by, until=db.now() + timedelta(days=7 if until == "7d" else 1))
    return f"Muted for {MUTES.get(until, MUTES['24h'])}."
