"""One action on many jobs, with a result for each: done, or skipped and why."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render

from adapters import registry
from jobs.access import Actor
from jobs.errors import Refused
from jobs.models import Job
from jobs.pages.jobs.action_table import BULK, Action, action_named, perform
from jobs.pages.jobs.filters import Filters
from jobs.pages.shared.htmx import see
from jobs.pages.shared.page_view import PageRequest, jobs_of, page
from jobs.states import Verb

MAX_JOBS = 500
ASK_FIRST = (Verb.CANCEL, Verb.ESCALATE)


@page("GET", "POST")
def bulk(request: PageRequest) -> HttpResponse:
    if request.method == "GET":
        return render(request, "jobs/bulk.html", request.session.get("bulk") or {"results": []})
    verb = action_named(request.POST.get("action", ""))
    jobs = _chosen(request)
    if verb is None or verb.name not in BULK or not jobs:
        return redirect("jobs")
    if verb.name in ASK_FIRST and not request.POST.get("sure"):
        return render(
            request,
            "jobs/bulk_confirm.html",
            {"verb": verb, "jobs": jobs, "tools": sorted(registry.adapters()), "post": request.POST, "most": MAX_JOBS},
        )
    results = [_one(verb, job, request.actor, request.POST) for job in jobs]
    done = sum(result["done"] for result in results)
    request.session["bulk"] = {
        "results": results,
        "done": done,
        "skipped": len(results) - done,
        "past": verb.past,
        "query": request.POST.get("query", "")[:2000],
    }
    return see("jobs-bulk")


def _chosen(request: PageRequest) -> Sequence[Job]:
    rows = jobs_of(request.actor).select_related("workstream")
    if request.POST.get("all"):
        filters = Filters.read(QueryDict(request.POST.get("query", "")), request.actor.name)
        return list(filters.apply(rows).order_by("-pk")[:MAX_JOBS])
    return list(rows.filter(job_id__in=request.POST.getlist("id")[:MAX_JOBS]).order_by("-pk"))


def _one(action: Action, job: Job, actor: Actor, fields: Any) -> dict[str, Any]:
    try:
        perform(action, job, actor, fields)
    except Refused as refusal:
        return {"job_id": job.job_id, "title": job.title, "done": False, "why": refusal.message}
    return {"job_id": job.job_id, "title": job.title, "done": True, "why": ""}
