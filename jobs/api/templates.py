"""Job templates: documents that new jobs start from."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field, StringConstraints

from jobs.api.auth import READ, SUBMIT, actor
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import RequestBody, Text, answers
from jobs.models import JobTemplate
from jobs.services.submission import job_templates

router = Router(tags=["templates"])
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


class TemplateOut(Schema):
    """One template. Its document is a job without job_id, run_id and values of the environment."""

    slug: str
    title: str
    description: str
    tool: str
    owner: str
    shared: bool
    document: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_owner(row: JobTemplate) -> str:
        return row.owner.get_username()


class TemplateIn(RequestBody):
    title: Title
    description: Text = ""
    shared: bool = Field(False, description="everybody who sees its repository may start from it")
    document: dict[str, Any] = Field(description="a job; job_id and run_id are new for each use and not kept")


class TemplatesQuery(PageQuery):
    tool: Text = ""


@router.get(
    "", auth=READ, operation_id="templates_list", summary="List job templates", response=answers(Page[TemplateOut])
)
def list_templates(request: HttpRequest, query: Query[TemplatesQuery]) -> Any:
    """The caller's own templates and those shared with all, newest first."""
    rows = actor(request).templates()
    if query.tool:
        rows = rows.filter(document__tool=query.tool)
    return page(request, rows, TemplateOut, query)


@router.get(
    "/{slug}",
    auth=READ,
    operation_id="templates_get",
    summary="Get a job template",
    response=answers(TemplateOut, 404),
)
def get_template(request: HttpRequest, slug: Slug, query: Query[Sparse]) -> Any:
    """One template, by its name."""
    return one(request, actor(request).template(slug), TemplateOut, query.fields)


@router.put(
    "/{slug}",
    auth=SUBMIT,
    operation_id="templates_put",
    summary="Create or replace a job template",
    response=answers(TemplateOut, 404, 409, body=True),
)
def put_template(request: HttpRequest, order: TemplateIn, slug: Slug) -> JobTemplate:
    """Make a template, or write over one that the caller may change."""
    caller = actor(request)
    there = JobTemplate.objects.filter(slug=slug).exists()
    if there:
        caller.template(slug, change=True)
    caller.require_submit_to(job_templates.repository_of(job_templates.check(order.document)))
    return job_templates.save(
        slug,
        order.document,
        owner=caller.user,
        title=order.title,
        description=order.description,
        shared=order.shared,
        by=caller.name,
        replace=there,
    )


@router.delete(
    "/{slug}",
    auth=SUBMIT,
    operation_id="templates_delete",
    summary="Delete a job template",
    response=answers(None, 404, status=204),
)
def delete_template(request: HttpRequest, slug: Slug) -> Status[None]:
    """Jobs that started from it stay as they are."""
    caller = actor(request)
    job_templates.delete(caller.template(slug, change=True), by=caller.name)
    return Status(204, None)
