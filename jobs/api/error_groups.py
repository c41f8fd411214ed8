"""Errors: one row per kind, resolved, muted or open."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema
from pydantic import Field, StringConstraints

from jobs.api.auth import OPERATE, READ, actor
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import WHOLE, RequestBody, Text, answers
from jobs.errors import NotFound
from jobs.models import ErrorGroup
from jobs.services.operations import controls
from jobs.services.reading.moments import Moment
from jobs.states import ErrorState

router = Router(tags=["errors"])
More = Annotated[int, Field(strict=False, ge=1, le=1_000_000), WHOLE]
Signature = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class ErrorOut(Schema):
    """An error group: errors that differ only in ids, numbers, paths and times."""

    signature: str
    tool: str
    category: str
    message: str
    pattern: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    state: str
    muted_until: datetime | None
    muted_until_count: int | None
    regressed_at: datetime | None
    resolved_at: datetime | None
    run_id: str | None
    workstream_id: str

    @staticmethod
    def resolve_workstream_id(kind: ErrorGroup) -> str:
        return kind.ws_id


class ErrorsQuery(PageQuery):
    state: ErrorState | None = None
    tool: Text = ""
    category: Text = ""
    q: Text = Field("", description="a part of the message")


class MuteIn(RequestBody):
    until: Moment | None = Field(None, description="quiet until then")
    more: More | None = Field(None, description="quiet until it was seen so often again")


@router.get("", auth=READ, operation_id="errors_list", summary="List error groups", response=answers(Page[ErrorOut]))
def list_errors(request: HttpRequest, query: Query[ErrorsQuery]) -> Any:
    """Error groups, the newest first."""
    wanted = {"state": query.state, "tool": query.tool, "category": query.category, "message__icontains": query.q}
    rows = actor(request).errors().filter(**{field: value for field, value in wanted.items() if value})
    return page(request, rows, ErrorOut, query)


def _found(request: HttpRequest, signature: str) -> ErrorGroup:
    kind = actor(request).errors().filter(signature=signature).first()
    if kind is None:
        raise NotFound(f"Error group {signature} not found.")
    return kind


@router.get(
    "/{signature}",
    auth=READ,
    operation_id="errors_get",
    summary="Get an error group",
    response=answers(ErrorOut, 404),
)
def get_error(request: HttpRequest, signature: Signature, query: Query[Sparse]) -> Any:
    """One error group, by its signature."""
    return one(request, _found(request, signature), ErrorOut, query.fields)


@router.post(
    "/{signature}/resolve",
    auth=OPERATE,
    operation_id="errors_resolve",
    summary="Resolve an error group",
    response=answers(ErrorOut, 404),
)
def resolve(request: HttpRequest, signature: Signature) -> ErrorGroup:
    """Mark the group as fixed. If it is seen again, it reopens as regressed."""
    return controls.resolve_error(_found(request, signature), by=actor(request).name)


@router.post(
    "/{signature}/mute",
    auth=OPERATE,
    operation_id="errors_mute",
    summary="Mute an error group",
    response=answers(ErrorOut, 404, body=True),
)
def mute(request: HttpRequest, signature: Signature, order: Body[MuteIn | None] = None) -> ErrorGroup:
    """Keep quiet for good, until a time, or until it was seen so often again."""
    until, more = (order.until, order.more) if order else (None, None)
    return controls.mute_error(_found(request, signature), by=actor(request).name, until=until, more=more)


@router.post(
    "/{signature}/reopen",
    auth=OPERATE,
    operation_id="errors_reopen",
    summary="Reopen an error group",
    response=answers(ErrorOut, 404),
)
def reopen(request: HttpRequest, signature: Signature) -> ErrorGroup:
    """Undo resolve or mute."""
    return controls.reopen_error(_found(request, signature), by=actor(request).name)
