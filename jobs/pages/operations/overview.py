"""The first page: what runs, what waits, what failed, what needs a person. Each part polls by itself."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from jobs import db
from jobs.access import Actor
from jobs.models import Job, Node, StepAttempt
from jobs.pages.jobs.attempt_chart import percent
from jobs.pages.operations.statistics import pulse
from jobs.pages.shared import labels
from jobs.pages.shared.addresses import jobs_url
from jobs.pages.shared.charts import columns, spark
from jobs.pages.shared.counting import any_of
from jobs.pages.shared.durations import Usual, usual
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import tag
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.reading.tool_status import Load, ToolStatus, loads_by_tool, tool_statuses
from jobs.services.reading.worker_status import WorkerStatus, usable_slots, worker_statuses
from jobs.states import ALIVE, FAILURES, NEEDS_ATTENTION, AttemptStatus, JobStatus

SHOWN = 12
FAILURES_SHOWN = 5


class Now:
    """What several parts of the page show, read once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    @cached_property
    def loads(self) -> dict[str, Load]:
        return loads_by_tool(self.actor)

    @cached_property
    def outstanding(self) -> list[Job]:
        """The latest failures, those that need a person, and those that wait for a retry: one query for the three."""
        jobs = self.actor.jobs()
        parts = [jobs.filter(status=status).order_by("-finished_at")[:FAILURES_SHOWN] for status in FAILURES]
        parts.append(jobs.filter(status__in=NEEDS_ATTENTION).order_by("updated_at")[:30])
        parts.append(jobs.filter(status=JobStatus.RETRYING).order_by("not_before")[:4])
        rows: list[Job] = list(any_of(Job.objects.select_related("workstream").defer("spec").order_by(), parts))
        return rows

    @cached_property
    def workers(self) -> list[WorkerStatus]:
        return worker_statuses(self.actor)

    @property
    def nodes(self) -> list[Node] | None:
        """Those that were read for the workers, if they were."""
        return [worker.node for worker in self.workers] if "workers" in self.__dict__ else None


def strip(now: Now) -> dict[str, Any]:
    loads, stats = now.loads.values(), pulse(now.actor)
    whole_page = "workers" in now.__dict__  # polled by itself it needs no more of them than their slots
    return {
        "running": sum(load.running for load in loads),
        "queued": sum(load.queued for load in loads),
        "oldest": min((load.oldest for load in loads if load.oldest), default=None),
        "pulse": stats,
        "slots": sum(one.node.slots for one in now.workers if one.takes_jobs) if whole_page else usable_slots(),
        "spark": spark([good + bad for good, bad in stats.hours]),
    }


def queue(now: Now) -> dict[str, Any]:
    """Tools with work or a rule, those with the most work first."""
    tools = tool_statuses(now.actor, loads=now.loads, nodes=now.nodes, with_success=False)
    shown = [tool for tool in tools if tool.is_held_back or tool.limit is not None or tool.name in now.loads]
    shown.sort(key=lambda tool: (-tool.queued, -tool.running, tool.name))
    return {"tools": shown, "held_back": [tool for tool in shown if tool.is_held_back]}


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
    return {
        "failures": sorted(failed, key=lambda job: job.finished_at or job.updated_at, reverse=True)[:FAILURES_SHOWN]
    }


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
def overview(request: PageRequest) -> HttpResponse:
    context: dict[str, Any] = {}
    now = Now(request.actor)
    _ = now.workers  # read once, for the strip too
    for build in PARTS.values():
        context |= build(now)
    beat = context["pulse"]
    context["any"] = beat.good or beat.bad or request.actor.jobs().exists()
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


def _tag(request: PageRequest, part: str) -> str:
    build = PARTS.get(part)
    if build is None:
        raise missing("part", part)
    request.polled = build(Now(request.actor))
    return tag(_key(request.polled))


def _key(value: Any) -> Any:
    """What must differ for the part to look different; clocks tick in the browser and do not count."""
    if isinstance(value, dict):
        return {key: _key(one) for key, one in value.items() if key not in ("said", "width")}
    if isinstance(value, Job):
        return value.pk, value.version
    if isinstance(value, WorkerStatus):
        return value.node.name, value.state, value.running
    if isinstance(value, ToolStatus):
        return value.name, value.running, value.queued, value.limit, value.health, value.failures
    if isinstance(value, StepAttempt):
        return value.pk, value.status
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_key(one) for one in value]
    return value


@page(part=True)
@ptag(_tag)
def part(request: PageRequest, part: str) -> HttpResponse:
    return render(request, f"overview/_{part}.html", request.polled)
