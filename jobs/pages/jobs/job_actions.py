"""Actions on one job: a confirm page or dialog, then a form; the answer is the changed head, or the page again."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render, resolve_url

from adapters import registry
from jobs.errors import NotAllowed, Refused
from jobs.models import Job
from jobs.pages.jobs.action_table import Action, action_named, perform
from jobs.pages.jobs.job_detail import attempts_of, find_job, head_of, render_head, summary_of
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import is_htmx, see, toast
from jobs.pages.shared.page_view import PageRequest, page


@page("GET", "HEAD", "POST")
def act(request: PageRequest, job_id: str, verb: str) -> HttpResponse:
    job = find_job(request, job_id)
    what = action_named(verb)
    if what is None:
        raise missing("action", verb)
    if request.method == "POST":
        return _do(request, job, what)
    command = json.dumps(job.next_command or job.spec.get("command") or {}, indent=1, ensure_ascii=False)
    context = {
        "job": job,
        "command": command,
        "verb": what,
        "tools": _tools(job),
        "tab": request.GET.get("tab", "summary"),
        "dialog": is_htmx(request),
    }
    return render(request, "jobs/_confirm.html" if is_htmx(request) else "jobs/confirm.html", context)


def _tools(job: Job) -> list[dict[str, Any]]:
    """Tools that can take the prompt over; the one that ran last comes last."""
    takers = [name for name, adapter in sorted(registry.adapters().items()) if "prompt" in _names(adapter)]
    return [{"name": name, "same": name == job.tool} for name in sorted(takers, key=lambda n: n == job.tool)]


def _names(adapter: Any) -> set[str]:
    return {field.name for field in adapter.fields}


def _do(request: PageRequest, job: Job, action: Action) -> HttpResponse:
    try:
        perform(action, job, request.actor, request.POST)
    except NotAllowed:
        raise
    except Refused as refusal:
        return _refused(request, job, refusal)
    said = action.said.format(job=job.title)
    fresh = find_job(request, job.job_id)
    if is_htmx(request):
        answer = render_head(request, fresh, attempts_of(fresh))
        answer.content += toast(said).encode()
        return answer
    messages.success(request, said)
    return see(resolve_url("job", job_id=job.job_id))


def _refused(request: PageRequest, job: Job, refusal: Refused) -> HttpResponse:
    """The sentence and the fresh state, with the refusal's status."""
    fresh = find_job(request, job.job_id)
    attempts = attempts_of(fresh)
    if is_htmx(request):
        answer = render_head(request, fresh, attempts, status=refusal.status)
        answer.content += toast(refusal.message, bad=True).encode()
        return answer
    context = head_of(request, fresh, attempts, "summary") | summary_of(request, fresh, attempts)
    return render(request, "jobs/job.html", context | {"refusal": refusal.message}, status=refusal.status)
