"""One queue: what waits in it, who serves it, and the switches for operators."""

from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render, resolve_url

from jobs import db
from jobs.errors import InvalidDocument, Refused
from jobs.pages.jobs.job_list import decorate, rows_of
from jobs.pages.operations.rule_forms import LimitForm, reason_of, unknown
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.operations import controls
from jobs.services.reading.queue_status import find_queue
from jobs.services.reading.worker_status import worker_statuses
from jobs.states import FAILURES, JobStatus

SPAN = timedelta(hours=1)
NEXT = 50


@page()
def queue(request: PageRequest, name: str) -> HttpResponse:
    return _show(request, name)


def _show(request: PageRequest, name: str, form: LimitForm | None = None) -> HttpResponse:
    found = find_queue(request.actor, name)
    if found is None:
        raise missing("queue", name)
    jobs = request.actor.jobs().filter(queue=name)
    since = db.now() - SPAN
    ended = jobs.filter(finished_at__gte=since).aggregate(
        out=Count("pk"), failed=Count("pk", filter=Q(status__in=FAILURES))
    )
    waiting = rows_of(jobs.filter(status=JobStatus.QUEUED)).order_by("claim_order", "pk")
    return render(
        request,
        "capacity/queue.html",
        {
            "row": found,
            "ended": ended,
            "came": jobs.filter(created_at__gte=since).count(),
            "workers": [worker for worker in worker_statuses(request.actor) if worker.node.name in found.workers],
            "rows": decorate(waiting[:NEXT]),
            "may_operate": request.actor.may("operate"),
            "form": form or LimitForm(initial={"limit": found.limit}),
        },
        status=422 if form else 200,
    )


@page("POST", scope="operate")
def queue_act(request: PageRequest, name: str, verb: str) -> HttpResponse:
    """Also for a queue without jobs: it may be paused before its first one comes."""
    to, form = resolve_url("queue", name=name), LimitForm(request.POST)
    if verb == "limit" and not form.is_valid() and find_queue(request.actor, name):
        return _show(request, name, form)
    try:
        return done(request, _act(request, name, verb, form), to)
    except Refused as refusal:
        return refused(request, refusal, to)


def _act(request: PageRequest, name: str, verb: str, form: LimitForm) -> str:
    """Do it, and say what was done. Raises Refused."""
    by = request.actor.name
    match verb:
        case "pause":
            controls.pause_queue(name, by=by, reason=reason_of(request))
            return f"Queue {name} is paused."
        case "resume":
            controls.resume_queue(name, by=by)
            return f"Queue {name} runs again."
        case "limit":
            if not form.is_valid():  # a queue without jobs has no page to show the form on
                raise InvalidDocument(str(form.errors["limit"][0]))
            controls.limit_queue(name, form.cleaned_data["limit"], by=by)
            return f"Queue {name} has its new limit."
    raise unknown(verb)
