"""Search over everything that has a name; the palette is the same answer in a dialog."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from jobs.access import Actor
from jobs.pages.jobs.action_table import possible_actions
from jobs.pages.shared.addresses import jobs_url
from jobs.pages.shared.page_view import PageRequest, jobs_of, page
from jobs.services.operations.action_rules import ActionRules
from jobs.states import FAILURES, JobStatus, Verb

EACH = 6
PLACES = (
    ("Overview", "overview", "overview", "o"),
    ("Jobs", "jobs", "jobs", "j"),
    ("Runs", "runs", "runs", "r"),
    ("Errors", "errors", "errors", "e"),
    ("Tools", "tools", "tools", "t"),
    ("Workers", "workers", "workers", "w"),
    ("Events", "events", "events", "v"),
)
SETTINGS = {
    "profile": "Settings: profile, theme and shortcuts",
    "tokens": "Settings: API tokens",
    "templates": "Settings: job templates",
    "policies": "Settings: policies and limits",
    "retention": "Settings: retention",
}
JOB_PAGE = re.compile(r"/jobs/(?!new$|new/|bulk$|check$|views/)([^/]+)")


def find(actor: Actor, question: str) -> dict[str, Any]:
    """The best few of each type. `#` limits to ids, which an index answers at any size."""
    ids_only, text = question.startswith("#"), question.lstrip("#").strip()
    if not text:
        return {}
    by_id = Q(job_id__startswith=text) | Q(job_id__endswith=text)
    jobs = jobs_of(actor).for_list().filter(by_id if ids_only else by_id | Q(title__icontains=text))
    found: dict[str, Any] = {"jobs": list(jobs.order_by("-pk")[: EACH + 1])}
    if ids_only:
        return found
    found["runs"] = list(
        actor.runs().filter(Q(run_id__icontains=text) | Q(title__icontains=text)).order_by("-pk")[:EACH]
    )
    streams = actor.workstreams().filter(Q(ws_id__icontains=text) | Q(title__icontains=text))
    found["streams"] = list(streams.select_related("run").order_by("-pk")[:EACH])
    groups = actor.errors().filter(Q(message__icontains=text) | Q(signature__startswith=text))
    found["errors"] = list(groups.order_by("-last_seen_at")[:EACH])
    return found


def actions(actor: Actor, text: str) -> list[tuple[str, str, str, str]]:
    """(label, address, glyph, key) of what can be done from anywhere."""
    listed = [
        ("Submit a job", reverse("job-new"), "plus", "c"),
        ("Paste job JSON", reverse("job-new-json"), "file", ""),
        ("My failed jobs", jobs_url(FAILURES, submitter="me"), "retrying", ""),
        ("Jobs waiting for review", jobs_url([JobStatus.REVIEW]), "review", ""),
        ("Keyboard shortcuts", reverse("keys"), "info", "?"),
    ]
    if not actor.may("submit"):
        listed = listed[2:]
    listed += [(label, _settings(tab), "settings", "") for tab, label in SETTINGS.items() if text]
    return [one for one in listed if text in one[0].lower()]


def _settings(tab: str) -> str:
    return reverse("templates") if tab == "templates" else reverse("settings", args=[tab])


def actions_on_page(request: PageRequest, text: str) -> list[tuple[str, str, str, str]]:
    """What may be done now to the job whose page the palette was opened on."""
    on = JOB_PAGE.match(urlsplit(request.headers.get("HX-Current-URL", "")).path)
    job = jobs_of(request.actor).filter(job_id=unquote(on[1])).first() if on else None
    if job is None:
        return []
    listed = [
        (f"{action.label} {job.job_id}", reverse("job-act", args=[job.job_id, action.name]), action.glyph, action.key)
        for action in possible_actions(ActionRules(job, request.actor))
        if action.name is not Verb.REVIEW  # its form is on the page
    ]
    return [one for one in listed if text in one[0].lower()]


@page()
def search(request: PageRequest) -> HttpResponse:
    question = _question(request)
    found = find(request.actor, question)
    return render(
        request,
        "search/page.html",
        {"q": question, "found": found, "each": EACH, "none": bool(question) and not any(found.values())},
    )


@page(part=True)
def palette(request: PageRequest) -> HttpResponse:
    question = _question(request)
    limited = question.startswith(">")
    text = question.lstrip(">").strip().lower()
    found = {} if limited else find(request.actor, question)
    recent = [] if text or limited else jobs_of(request.actor).for_list().order_by("-pk")[:EACH]
    places = [(label, reverse(name), glyph, key) for label, name, glyph, key in PLACES if text in label.lower()]
    return render(
        request,
        "search/_palette.html",
        {
            "found": found,
            "recent": recent,
            "places": [] if question.startswith("#") else places,
            "actions": []
            if question.startswith("#")
            else actions_on_page(request, text) + actions(request.actor, text),
            "q": question,
        },
    )


def _question(request: PageRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:120]


@page()
def keys(request: PageRequest) -> HttpResponse:
    return render(request, "search/keys.html", {"places": PLACES})
