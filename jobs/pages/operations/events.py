"""The audit: who did what to which, and when; also as NDJSON."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.http import ptag

from jobs import db
from jobs.models import Event
from jobs.pages.jobs.job_detail import tell_event
from jobs.pages.shared.counting import count_all
from jobs.pages.shared.numbers import whole_number
from jobs.pages.shared.page_view import PageRequest, page

PAGE = 60
NEW_CAP = 99
EXPORTED = 100_000
BATCH = 200
KINDS = ("job", "attempt", "review", "run", "workstream", "queue", "tool", "worker", "error", "token", "secret")
DAYS = {"today": ("Today", 0), "yesterday": ("Yesterday", 1)}


def _matching(request: PageRequest) -> Any:
    rows, params = request.actor.events(), request.GET
    kind, actor, subject = params.get("kind", ""), params.get("actor", ""), params.get("subject", "")
    if kind:
        rows = rows.filter(Q(event_type=kind) | Q(event_type__startswith=f"{kind}."))
    if actor == "person":
        rows = rows.exclude(actor="engine").exclude(actor="program")
    elif actor:
        rows = rows.filter(actor=request.actor.name if actor == "me" else actor)
    if params.get("run"):
        rows = rows.filter(run_id=params["run"][:120])
    if subject:
        rows = rows.filter(Q(job__job_id=subject) | Q(run_id=subject) | Q(ws_id=subject))
    if question := params.get("q", "").replace("\0", "").strip()[:120]:
        rows = rows.filter(
            Q(job__job_id__icontains=question)
            | Q(event_type__icontains=question)
            | Q(actor__icontains=question)
            | Q(run_id__icontains=question)
        )
    if params.get("on") in DAYS:
        start = db.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS[params["on"]][1])
        rows = rows.filter(timestamp__gte=start, timestamp__lt=start + timedelta(days=1))
    return rows


@page()
def events(request: PageRequest) -> HttpResponse:
    rows, before = _matching(request), whole_number(request.GET.get("before"), None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.select_related("job").defer("job__spec").order_by("-pk")[: PAGE + 1])
    shown = [tell_event(event) for event in found[:PAGE]]
    return render(
        request,
        "events/list.html",
        {
            "rows": shown,
            "older": shown[-1].pk if len(found) > PAGE else None,
            "newer": None,
            "kinds": KINDS,
            "newest": shown[0].pk if shown and before is None else None,
            "p": request.GET,
            "days": DAYS,
        },
    )


def _fresh_tag(request: PageRequest) -> str:
    newest = whole_number(request.GET.get("newest"), 0)
    request.polled = count_all({"n": _matching(request).filter(pk__gt=newest)}, NEW_CAP)["n"]
    return str(request.polled)


@page(part=True)
@ptag(_fresh_tag)
def fresh(request: PageRequest) -> HttpResponse:
    """Only how many are new: rows come when they are asked for."""
    query = request.GET.copy()
    query.pop("newest", None)
    return render(
        request,
        "events/_fresh.html",
        {"fresh": request.polled, "cap": NEW_CAP, "back": query.urlencode(), "query": request.GET.urlencode()},
    )


@page()
def export(request: PageRequest) -> HttpResponseBase:
    """Newest first, one JSON object a line."""
    rows = (
        _matching(request)
        .select_related("job")
        .only("timestamp", "event_type", "actor", "via", "run_id", "ws_id", "payload_json", "job__job_id")
        .order_by("-pk")
    )
    answer = StreamingHttpResponse(_batches(rows[:EXPORTED]), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="events-{datetime.now():%Y%m%d}.ndjson"'
    return answer


def _batches(rows: "QuerySet[Event]") -> Iterator[str]:
    """Some hundred lines at a time."""
    for events in batched(rows.iterator(chunk_size=BATCH), BATCH):
        yield "".join(map(line_of, events))


def line_of(event: Event) -> str:
    told = {
        "id": event.pk,
        "at": event.timestamp.isoformat(),
        "kind": event.event_type,
        "actor": event.actor,
        "via": event.via,
        "run_id": event.run_id,
        "workstream_id": event.ws_id,
        "job_id": event.job.job_id if event.job else None,
        "payload": event.payload_json,
    }
    return json.dumps(told, ensure_ascii=False) + "\n"
