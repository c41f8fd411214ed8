"""Runs: efforts, each with its jobs."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from jobs.api.auth import READ, actor
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import Key, Text, answers
from jobs.api.schemas import viewer_of
from jobs.errors import NotFound
from jobs.models import Run
from jobs.states import RunStatus

router = Router(tags=["runs"])


class RunOut(Schema):
    """One effort: jobs that were submitted together."""

    run_id: str
    title: str
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    metadata: dict[str, Any]

    @staticmethod
    def resolve_metadata(run: Run) -> dict[str, Any]:
        return run.metadata_json or {}


class RunDetail(RunOut):
    """A run with the number of its jobs in each state."""

    jobs: dict[str, int]
    workstreams: list[str]

    @staticmethod
    def resolve_jobs(run: Run, context: Any) -> dict[str, int]:
        seen = viewer_of(context).jobs().filter(run_id=run.run_id)
        return dict(seen.order_by("status").values_list("status").annotate(Count("pk")))

    @staticmethod
    def resolve_workstreams(run: Run, context: Any) -> list[str]:
        rows = viewer_of(context).workstreams().filter(run_id=run.run_id)
        return sorted(rows.values_list("ws_id", flat=True))


class RunsQuery(PageQuery):
    status: RunStatus | None = Field(None, description="one state of a run")
    q: Text = Field("", description="a part of the id or the title")


@router.get("", auth=READ, operation_id="runs_list", summary="List runs", response=answers(Page[RunOut]))
def list_runs(request: HttpRequest, query: Query[RunsQuery]) -> Any:
    """Runs that the caller may see, newest first."""
    rows = actor(request).runs()
    if query.status:
        rows = rows.filter(status=query.status)
    if query.q:
        rows = rows.filter(run_id__icontains=query.q) | rows.filter(title__icontains=query.q)
    return page(request, rows, RunOut, query)


@router.get("/{run_id}", auth=READ, operation_id="runs_get", summary="Get a run", response=answers(RunDetail, 404))
def get_run(request: HttpRequest, run_id: Key, query: Query[Sparse]) -> Any:
    """One run with the number of its jobs in each state."""
    run = actor(request).runs().filter(run_id=run_id).first()
    if run is None:
        raise NotFound(f"Run {run_id} not found.")
    return one(request, run, RunDetail, query.fields)
