"""Attempts: executions of jobs."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from jobs.api.auth import READ, actor
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import RowId, Text, answers
from jobs.api.schemas import AttemptOut
from jobs.errors import NotFound
from jobs.states import AttemptStatus

router = Router(tags=["attempts"])


class AttemptsQuery(PageQuery):
    job_id: Text = ""
    run_id: Text = ""
    tool: Text = ""
    status: AttemptStatus | None = Field(None, description="one state of an attempt")
    reason: Text = ""
    error: Text = Field("", description="signature of an error group")


@router.get("", auth=READ, operation_id="attempts_list", summary="List attempts", response=answers(Page[AttemptOut]))
def list_attempts(request: HttpRequest, query: Query[AttemptsQuery]) -> Any:
    """Attempts of jobs that the caller may see, newest first."""
    rows = actor(request).attempts().select_related("job", "error")
    wanted = {
        "job__job_id": query.job_id,
        "run_id": query.run_id,
        "step_name": query.tool,
        "status": query.status,
        "reason": query.reason,
        "error__signature": query.error,
    }
    rows = rows.filter(**{field: value for field, value in wanted.items() if value})
    return page(request, rows, AttemptOut, query)


@router.get(
    "/{attempt_id}",
    auth=READ,
    operation_id="attempts_get",
    summary="Get an attempt",
    response=answers(AttemptOut, 404),
)
def get_attempt(request: HttpRequest, attempt_id: RowId, query: Query[Sparse]) -> Any:
    """One attempt, by its number."""
    attempt = actor(request).attempts().select_related("job", "error").filter(pk=attempt_id).first()
    if attempt is None:
        raise NotFound(f"Attempt {attempt_id} not found.")
    return one(request, attempt, AttemptOut, query.fields)
