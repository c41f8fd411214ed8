"""Workstreams: lines of work within a run, and their locks."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema
from pydantic import Field

from jobs.api.auth import OPERATE, READ, actor
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import RequestBody, RowId, Text, answers
from jobs.errors import NotFound
from jobs.models import Workstream
from jobs.services.operations import controls

router = Router(tags=["workstreams"])


class WorkstreamOut(Schema):
    """One line of work within a run."""

    id: int
    workstream_id: str
    run_id: str
    title: str
    status: str
    locked: bool
    locked_reason: str
    depends_on: list[Any]
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, Any]

    @staticmethod
    def resolve_workstream_id(row: Workstream) -> str:
        return row.ws_id

    @staticmethod
    def resolve_metadata(row: Workstream) -> dict[str, Any]:
        return row.metadata_json or {}


class WorkstreamsQuery(PageQuery):
    workstream_id: Text = ""
    run_id: Text = ""
    locked: bool | None = None


class LockIn(RequestBody):
    reason: str = Field("", max_length=200, pattern=r"^[^\x00]*$")


@router.get(
    "", auth=READ, operation_id="workstreams_list", summary="List workstreams", response=answers(Page[WorkstreamOut])
)
def list_workstreams(request: HttpRequest, query: Query[WorkstreamsQuery]) -> Any:
    """Workstreams that the caller may see, newest first; one name may come back in several runs."""
    rows = actor(request).workstreams()
    if query.workstream_id:
        rows = rows.filter(ws_id=query.workstream_id)
    if query.run_id:
        rows = rows.filter(run_id=query.run_id)
    if query.locked is not None:
        rows = rows.filter(locked=query.locked)
    return page(request, rows, WorkstreamOut, query)


def _found(request: HttpRequest, row_id: int) -> Workstream:
    row = actor(request).workstreams().filter(pk=row_id).first()
    if row is None:
        raise NotFound(f"Workstream {row_id} not found.")
    return row


@router.get(
    "/{row_id}",
    auth=READ,
    operation_id="workstreams_get",
    summary="Get a workstream",
    response=answers(WorkstreamOut, 404),
)
def get_workstream(request: HttpRequest, row_id: RowId, query: Query[Sparse]) -> Any:
    """One workstream, by its number."""
    return one(request, _found(request, row_id), WorkstreamOut, query.fields)


@router.post(
    "/{row_id}/lock",
    auth=OPERATE,
    operation_id="workstreams_lock",
    summary="Lock a workstream",
    response=answers(WorkstreamOut, 404, body=True),
)
def lock(request: HttpRequest, row_id: RowId, order: Body[LockIn | None] = None) -> Workstream:
    """Take no new jobs for this line of work, whatever run they name, until it is unlocked."""
    reason = order.reason if order else ""
    return controls.lock_workstream(_found(request, row_id), by=actor(request).name, reason=reason)


@router.post(
    "/{row_id}/unlock",
    auth=OPERATE,
    operation_id="workstreams_unlock",
    summary="Unlock a workstream",
    response=answers(WorkstreamOut, 404),
)
def unlock(request: HttpRequest, row_id: RowId) -> Workstream:
    """Take jobs again."""
    return controls.unlock_workstream(_found(request, row_id), by=actor(request).name)
