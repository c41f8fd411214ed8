"""The list of jobs: filters, keyset pages, and the poll that keeps rows fresh in place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import F
from django.db.models.fields.json import KT
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django_htmx.http import ptag

from adapters import registry
from jobs.access import Actor
from jobs.models import Job
from jobs.models.job import JobQuerySet
from jobs.pages.jobs import saved_views
from jobs.pages.jobs.filters import FIELDS, TABS, Filters
from jobs.pages.shared import context_processors
from jobs.pages.shared.counting import count_all, shown
from jobs.pages.shared.htmx import tag
from jobs.pages.shared.numbers import whole_number
from jobs.pages.shared.page_view import PageRequest, jobs_of, page
from jobs.pages.shared.policy_labels import most_attempts
from jobs.services.reading.job_filter import ME
from jobs.services.reading.wait_reasons import for_jobs
from jobs.states import FINAL

LIVE_CAP = 20_000  # jobs that are looked at to count a state which empties itself
PAGE = 50
NEW_CAP = 99
UNCOUNTED = ("Completed", "Cancelled")
ENDED = ("Failed", "Blocked")  # counted while no filter is applied
HIDDEN_WHEN_EMPTY = ("Quarantined", "Blocked")


def rows_of(jobs: JobQuerySet) -> JobQuerySet:
    return jobs.for_list().annotate(first_tool=KT("spec__tool"), retry_policy=F("spec__metadata__retry_policy"))


@page()
def jobs(request: PageRequest) -> HttpResponse:
    filters = Filters.read(request.GET, request.actor.name)
    context = _page(request, filters) | saved_views.menu(request, filters)
    return render(request, "jobs/list.html", context, status=422 if filters.faults else 200)


def _page(request: PageRequest, filters: Filters) -> dict[str, Any]:
    matching = filters.apply(jobs_of(request.actor))
    rows, newer, older = _keyset(rows_of(matching), request.GET, oldest=filters.sort == "oldest")
    tabs = _tabs(request, filters)
    at_top = not request.GET.get("before") and not request.GET.get("after") and not filters.sort
    return {
        "rows": decorate(rows),
        "newer": newer,
        "older": older,
        "filters": filters,
        "tabs": tabs,
        "menus": _menus(filters, request.actor, rows),
        "matching": next((t["count"] for t in tabs if t["current"]), ""),
        "poll": _poll_url(filters, rows, newest=rows[0].pk if rows and at_top else None),
        "nearly": None if rows or filters.faults else _nearly(filters, request.actor),
        "any": bool(rows or filters.faults) or jobs_of(request.actor).exists(),
    }


def decorate(jobs: Iterable[Job]) -> Sequence[Job]:
    rows = list(jobs)
    reasons = for_jobs(rows)
    for job in rows:
        reason = reasons.get(job.pk)
        job.why = (reason.sentence if reason else job.summary).rstrip(".")
        job.most = most_attempts(getattr(job, "retry_policy", None))
    return rows


def _keyset(jobs: JobQuerySet, params: QueryDict, *, oldest: bool) -> tuple[list[Job], int | None, int | None]:
    """One page, and the cursors of its neighbours: the key of a row is cheap at any depth, an offset is not."""
    before, after = whole_number(params.get("before"), None), whole_number(params.get("after"), None)
    up = ("pk__lt", "pk") if oldest else ("pk__gt", "-pk")
    down = "pk__gt" if oldest else "pk__lt"
    if after is not None:
        found = list(jobs.filter(**{up[0]: after}).order_by("-pk" if oldest else "pk")[: PAGE + 1])
        more = len(found) > PAGE
        page = found[:PAGE][::-1]
        return page, page[0].pk if more and page else None, page[-1].pk if page else None
    if before is not None:
        jobs = jobs.filter(**{down: before})
    found = list(jobs.order_by(up[1])[: PAGE + 1])
    page = found[:PAGE]
    newer = page[0].pk if before is not None and page else None
    return page, newer, page[-1].pk if len(found) > PAGE else None


def _tabs(request: PageRequest, filters: Filters) -> list[dict[str, Any]]:
    """Status tabs with counts. States that empty themselves are counted from their own few rows, whatever the filter."""
    base = filters.without("status").apply(jobs_of(request.actor))
    wanted: dict[str, Any] = context_processors.wanted(request.actor)  # one query for these and the tabs
    for name, states in TABS:
        if name not in (*ENDED, *UNCOUNTED):
            few = Job.objects.filter(status__in=states).order_by().values("pk")[:LIVE_CAP]
            wanted[name] = base.filter(pk__in=few)
    if not filters.words("q"):
        wanted["All"] = base
    if not filters.applied:  # else it would read all that the filter lets through
        wanted |= {name: base.filter(status__in=dict(TABS)[name]) for name in ENDED}
    counts, current = count_all(wanted), filters.tab()
    request.counted = counts
    tabs: list[dict[str, Any]] = [{"name": "All", "states": None, "count": "", "current": current == "All"}]
    tabs += [{"name": n, "states": s, "count": "", "current": current == n} for n, s in TABS]
    for tab in tabs:
        number = counts.get(str(tab["name"]))
        tab["count"] = "" if number is None else shown(number)
    empty = [name for name in HIDDEN_WHEN_EMPTY if counts.get(name) == 0]
    return [tab for tab in tabs if tab["name"] not in empty or tab["current"]]


@dataclass(frozen=True)
class Menu:
    """A filter that is a button with its choices."""

    name: str
    label: str
    on: bool
    fault: str
    options: list[tuple[str, bool, str]]  # what it says, whether it is chosen, and the query that toggles it


def _menus(filters: Filters, actor: Actor, rows: Sequence[Job]) -> list[Menu]:
    """Of each filter that has choices, or is in use; the tabs and the search field are filters too, without a menu."""
    suggested: dict[str, Sequence[str]] = {
        "tool": sorted(registry.adapters()),
        "run": list(actor.runs().order_by("-pk").values_list("run_id", flat=True)[:10]),
        "submitter": [ME, *sorted({job.submitted_by for job in rows} - {""})[:12]],
    }
    menus = []
    for name, facet in FIELDS.items():
        chosen = filters.words(name)
        offered = suggested.get(name, list(facet.choices)) if facet.menu else []
        options = [
            (facet.choices.get(word, word), word in chosen, _toggled(filters, name, word))
            for word in dict.fromkeys([*chosen, *offered])
        ]
        if options and name not in ("status", "q"):
            menus.append(Menu(name, filters.label(name), bool(chosen), filters.faults.get(name, ""), options))
    return menus


def _toggled(filters: Filters, name: str, word: str) -> str:
    chosen = filters.words(name)
    others = [one for one in chosen if one != word] if FIELDS[name].several else []
    return filters.with_words(name, others if word in chosen else [*others, word]).query


def _nearly(filters: Filters, actor: Actor) -> dict[str, Any] | None:
    """For a list without a match: how many match without the last filter."""
    keys = filters.applied or (["status"] if filters.words("status") else [])
    if not keys:
        return None
    rest = filters.without(keys[-1])
    count = count_all({"n": rest.apply(jobs_of(actor))})["n"]
    return {
        "query": rest.query,
        "label": FIELDS[keys[-1]].label.lower(),
        "count": shown(count),
        "names": [filters.label(key) for key in keys],
    }


def _poll_url(filters: Filters, rows: Sequence[Job], newest: int | None) -> str:
    """The rows on screen that can still change, each with the version shown: the server sends only what is newer."""
    parts = filters.pairs + [("id", f"{job.pk}.{job.version}") for job in rows if job.status not in FINAL]
    if newest is not None:
        parts.append(("newest", str(newest)))
    return urlencode(parts)


def _poll_tag(request: PageRequest) -> str:
    """Runs before the view and leaves what it read for it: two small looks while nothing changed."""
    known = dict(filter(None, map(_id, request.GET.getlist("id")[:PAGE])))
    shown = jobs_of(request.actor).filter(pk__in=list(known)).order_by("-pk")
    seen = list(shown.only("pk", "version", "status")) if known else []
    newest, fresh = whole_number(request.GET.get("newest"), None), 0
    filters = Filters.read(request.GET, request.actor.name)
    if newest is not None:
        fresh = count_all({"n": filters.apply(jobs_of(request.actor).filter(pk__gt=newest))}, NEW_CAP)["n"]
    request.polled = (seen, known, fresh, filters)
    return tag([(job.pk, job.version) for job in seen], fresh)


def _id(text: str) -> tuple[int, int] | None:
    pk, _, version = text.partition(".")
    return (int(pk), int(version)) if pk.isdecimal() and version.isdecimal() and len(text) < 30 else None


@page(part=True)
@ptag(_poll_tag)
def rows(request: PageRequest) -> HttpResponse:
    seen, known, fresh, filters = request.polled
    stale = [job.pk for job in seen if job.version != known.get(job.pk)]
    changed = decorate(rows_of(jobs_of(request.actor).filter(pk__in=stale)).order_by("-pk")) if stale else []
    newest = whole_number(request.GET.get("newest"), None)
    return render(
        request,
        "jobs/_poll.html",
        {
            "rows": changed,
            "fresh": fresh,
            "poll": _poll_url(filters, seen, newest),
            "cap": NEW_CAP,
            "list_query": urlencode(filters.pairs),
        },
    )
