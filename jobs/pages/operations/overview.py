"""The first page: what runs, what waits, what failed, who is asked. Each part polls by itself."""

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import blake2s
from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from jobs import db
from jobs.access import Actor
from jobs.models import Job, StepAttempt, ToolControl
from jobs.pages.jobs.attempt_chart import percent
from jobs.pages.operations.statistics import pulse
from jobs.pages.operations.workers import Worker, slots_now, workers_now
from jobs.pages.shared import labels
from jobs.pages.shared.charts import columns, spark
from jobs.pages.shared.counting import any_of
from jobs.pages.shared.durations import Usual, usual
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.links import jobs_url
from jobs.pages.shared.page_view import Visit, page
from jobs.states import ALIVE, FAILURES, NEEDS_ATTENTION, AttemptStatus, CircuitState, JobStatus

SHOWN = 12
LATEST = 5
UNFINISHED = (JobStatus.QUEUED, JobStatus.RETRYING, *ALIVE)


class Now:
    """What several parts of the page look at, read once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    @cached_property
    def tallies(self) -> list[dict[str, Any]]:
        return tallies(self.actor)

    @cached_property
    def loads(self) -> list[dict[str, Any]]:
        return loads(self.tallies)

    @cached_property
    def outstanding(self) -> list[Job]:
        """The latest failures, those that ask a person, and those that wait for a retry: one query for the three."""
        jobs = self.actor.jobs()
        parts = [jobs.filter(status=status).order_by("-finished_at")[:LATEST] for status in FAILURES]
        parts.append(jobs.filter(status__in=NEEDS_ATTENTION).order_by("updated_at")[:30])
        parts.append(jobs.filter(status=JobStatus.RETRYING).order_by("not_before")[:4])
        rows: list[Job] = list(any_of(Job.objects.select_related("workstream").defer("spec").order_by(), parts))
        return rows

    @cached_property
    def workers(self) -> list[Worker]:
        return workers_now()


def strip(now: Now) -> dict[str, Any]:
    rows, beat = now.tallies, pulse(now.actor)
    waiting = [row for row in rows if row["status"] == JobStatus.QUEUED]
    alone = "workers" not in now.__dict__  # polled by itself it needs no more of them than their slots
    return {
        "running": sum(row["n"] for row in rows if row["status"] in ALIVE),
        "queued": sum(row["n"] for row in waiting),
        "oldest": min((row["oldest"] for row in waiting if row["oldest"]), default=None),
        "pulse": beat,
        "slots": slots_now() if alone else sum(worker.node.slots for worker in now.workers if worker.reachable),
        "spark": spark([good + bad for good, bad in beat.hours]),
    }


def tallies(actor: Actor) -> list[dict[str, Any]]:
    """How many jobs of each tool are in each state that a slot or a limit cares for."""
    rows: Any = actor.jobs().filter(status__in=UNFINISHED).values("tool", "status").order_by()
    return list(rows.annotate(n=Count("pk"), oldest=Min("queued_at")))


def loads(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each tool with work: running, queued, how long the oldest waits, and its limit."""
    found: dict[str, dict[str, Any]] = {}
    controls = {control.name: control for control in ToolControl.objects.all()}
    for name in {*controls, *settings.ENGINE_TOOL_LIMITS}:
        found[name] = {"tool": name, "running": 0, "queued": 0, "oldest": None}
    for row in rows:
        load = found.setdefault(row["tool"], {"tool": row["tool"], "running": 0, "queued": 0, "oldest": None})
        if row["status"] == JobStatus.QUEUED:
            load |= {"queued": row["n"], "oldest": row["oldest"]}
        elif row["status"] in ALIVE:
            load["running"] += row["n"]
    for name, load in found.items():
        control = controls.get(name)
        limit = control.limit if control and control.limit is not None else settings.ENGINE_TOOL_LIMITS.get(name)
        load |= {"control": control, "limit": limit, "slots": slots(load["running"], limit)}
    return sorted(found.values(), key=lambda load: (-load["queued"], -load["running"], load["tool"]))


def slots(used: int, limit: int | None) -> list[bool]:
    """One mark per slot, used or free; at most twelve."""
    return [index < used for index in range(min(12, max(used, limit or 0)))]


def queue(now: Now) -> dict[str, Any]:
    rows = now.loads
    shut = [
        row["control"]
        for row in rows
        if row["control"] and (row["control"].paused or row["control"].circuit != CircuitState.CLOSED)
    ]
    return {"loads": rows, "shut": shut}


def running(view: Now) -> dict[str, Any]:
    now = db.now()
    alive = (
        view.actor.attempts()
        .filter(status=AttemptStatus.RUNNING)
        .select_related("job__workstream")
        .defer("job__spec", "result_json", "verdict", "handoff")
        .order_by("-started_at")[:SHOWN]
    )
    waiting = sorted(
        (job for job in view.outstanding if job.status == JobStatus.RETRYING), key=lambda job: job.not_before or now
    )
    times = usual()
    return {"rows": [_elapsed(attempt, times.get(attempt.step_name)) for attempt in alive], "retrying": waiting}


def _elapsed(attempt: StepAttempt, known: Usual | None) -> dict[str, Any]:
    """The bar's scale ends at the 95th percentile and a fifth, so that being late can be seen."""
    passed = attempt.duration_s
    row: dict[str, Any] = {"attempt": attempt, "job": attempt.job, "late": False, "said": labels.duration(passed)}
    if known is None or known.count < 3:
        return row
    end = max(known.p95 * 1.2, 1.0)
    return row | {
        "width": percent(passed / end),
        "p50": percent(known.p50 / end),
        "p95": percent(known.p95 / end),
        "late": passed > known.p95,
        "drawn": int(passed / end * 50),
        "p95_s": known.p95,
        "said": f"{labels.duration(passed)} elapsed; usual {labels.duration(known.p50)}, p95 {labels.duration(known.p95)}",
    }


def trouble(now: Now) -> dict[str, Any]:
    failed = [job for job in now.outstanding if job.status in FAILURES]
    return {"failures": sorted(failed, key=lambda job: job.finished_at or job.updated_at, reverse=True)[:LATEST]}


def people(now: Now) -> dict[str, Any]:
    asked = sorted((job for job in now.outstanding if job.status in NEEDS_ATTENTION), key=lambda job: job.updated_at)
    mine = sorted(asked, key=lambda job: job.submitter_id != now.actor.user.pk)
    return {"asked": mine[:6]}


def workers(now: Now) -> dict[str, Any]:
    found = now.workers
    return {"workers": found[:8], "reachable": sum(worker.reachable for worker in found), "of": len(found)}


PARTS: dict[str, Callable[[Now], dict[str, Any]]] = {
    "strip": strip,
    "running": running,
    "queue": queue,
    "trouble": trouble,
    "people": people,
    "workers": workers,
}


@page()
def overview(request: Visit) -> HttpResponse:
    context: dict[str, Any] = {}
    now = Now(request.actor)
    _ = now.workers  # read once, for the strip too
    for build in PARTS.values():
        context |= build(now)
    beat = context["pulse"]
    context |= {"columns": columns(beat.hours, 96), "busiest": _busiest(beat), "now": db.now(), "links": _links()}
    return render(request, "overview/page.html", context)


def _links() -> dict[str, str]:
    """The lists that show all of what the parts show the latest of."""
    return {"running": jobs_url(ALIVE), "failed": jobs_url(FAILURES), "attention": jobs_url(NEEDS_ATTENTION)}


def _busiest(beat: Any) -> dict[str, Any]:
    index = max(range(len(beat.hours)), key=lambda i: sum(beat.hours[i]))
    return {
        "hour": f"{(beat.first.hour + index) % 24:02}:00",
        "count": sum(beat.hours[index]),
        "marks": [f"{(beat.first.hour + h) % 24:02}:00" for h in (0, 6, 12, 18)],
    }


def _tag(request: Visit, part: str) -> str:
    build = PARTS.get(part)
    if build is None:
        raise missing("part", part)
    request.polled = build(Now(request.actor))
    return blake2s(repr(_key(request.polled)).encode(), digest_size=9).hexdigest()


def _key(value: Any) -> Any:
    """What must differ for the part to look different; clocks tick in the browser and do not count."""
    if isinstance(value, dict):
        return {key: _key(one) for key, one in value.items() if key not in ("said", "width")}
    if isinstance(value, Job):
        return value.pk, value.version
    if isinstance(value, Worker):
        return value.node.name, value.state, value.busy
    if isinstance(value, StepAttempt):
        return value.pk, value.status
    if isinstance(value, ToolControl):
        return value.name, value.paused, value.circuit, value.limit
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_key(one) for one in value]
    return value


@page(part=True)
@ptag(_tag)
def part(request: Visit, part: str) -> HttpResponse:
    return render(request, f"overview/_{part}.html", request.polled)
