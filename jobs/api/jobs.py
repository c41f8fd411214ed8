"""Jobs: submit, list, look, wait."""

from pathlib import Path
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import HeaderEx, P, Query, QueryEx, Router, Schema
from ninja.responses import Response
from pydantic import Field, StringConstraints

import schema
from jobs import db
from jobs.access import Actor
from jobs.api.auth import READ, SUBMIT, actor
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import Key, ProblemItem, Wait, answers
from jobs.api.schemas import AddedOut, JobDetail, JobOut
from jobs.api.shaping import shaped
from jobs.errors import InvalidDocument
from jobs.models import Job
from jobs.services.reading.job_filter import JobFilter
from jobs.services.reading.redaction import shown_document
from jobs.services.reading.waiting import wait_for
from jobs.services.submission import idempotency, submit

router = Router(tags=["jobs"])
MAX_DOCUMENTS = 200
DOCUMENT = {"$ref": "#/components/schemas/JobDocument"}
Base = QueryEx[
    Annotated[str, StringConstraints(max_length=4096, pattern=r"^/[^\x00]*$")] | None,
    P(description="the caller's directory, absolute: what a relative `paths.repo_root` starts from"),
]
IdempotencyText = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
IdempotencyKey = HeaderEx[
    IdempotencyText | None,
    P(alias="Idempotency-Key", description="Chosen by the caller; a request with the same key is done only once."),
]


class JobsQuery(PageQuery, JobFilter):
    """The filter, and the place in the list."""


class CheckOut(Schema):
    """What is wrong with a document; nothing was written."""

    ok: bool
    problems: list[ProblemItem]
    warnings: list[ProblemItem]
    adds: list[AddedOut] = Field(description="for the document's tool and those that it may be escalated to")


def document_body() -> dict[str, Any]:
    """The body is the job document itself, or a list of them; Engine reads it raw, to tell lines and pointers."""
    several = {"type": "array", "items": DOCUMENT, "minItems": 1, "maxItems": MAX_DOCUMENTS}
    examples = {name: {"summary": f"A job of {name}", "value": value} for name, value in schema.examples().items()}
    content = {"schema": {"anyOf": [DOCUMENT, several]}, "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


@router.post(
    "",
    auth=SUBMIT,
    operation_id="jobs_submit",
    summary="Submit a job",
    response=answers(JobDetail | list[JobOut], 404, 409, status=201, body=True),
    openapi_extra=document_body(),
)
def submit_job(request: HttpRequest, wait: Wait = 0, base: Base = None, idempotency_key: IdempotencyKey = None) -> Any:
    """Put a job document, or a list of up to 200 that may depend on each other, into the queue: all or none.

    With an Idempotency-Key the same request is done once within 24 hours; a repetition gets the first answer's jobs.
    """
    caller, body = actor(request), request.body

    def create() -> dict[str, Any]:
        return {"jobs": [job.job_id for job in _submit(caller, body, _path(base))], "list": body.lstrip()[:1] == b"["}

    if idempotency_key:
        print_ = idempotency.fingerprint("POST", f"{request.path}?base={base or ''}", body)
        made, again = idempotency.once(caller.user, idempotency_key, print_, create)
    else:
        made, again = create(), False
    jobs = [caller.job(job_id) for job_id in made["jobs"]]
    if wait:
        jobs = [_at_the_end(job, wait) for job in jobs]
    shape: type[Schema] = JobOut if made["list"] else JobDetail
    shown = [shaped(request, job, shape) for job in jobs]
    response = Response(shown if made["list"] else shown[0], status=201)
    response["Location"] = f"{request.path.rstrip('/')}/{jobs[0].job_id}"
    if again:
        response["Idempotency-Replayed"] = "true"
    return response


def _path(base: str | None) -> Path | None:
    return Path(base) if base else None


def _submit(caller: Actor, body: bytes, base: Path | None) -> list[Job]:
    documents, source = read_documents(body)
    with db.atomic():
        jobs = submit.submit_all(documents, by=caller.submitter, sources=[source], base=base)
        for job in jobs:  # where it works is known only now; a refusal takes everything back
            caller.require_submit_to(job.repo_key)
    return jobs


def read_documents(body: bytes) -> tuple[list[Any], str | None]:
    """The documents, and the text for line numbers when there is one. Raises InvalidDocument."""
    document, problems = schema.parse(body)
    if problems:
        raise InvalidDocument(f"The job document cannot be read: {problems[0].message}", problems)
    if not isinstance(document, list):
        return [document], body.decode("utf-8", "replace")
    if not 1 <= len(document) <= MAX_DOCUMENTS:
        raise InvalidDocument(f"A list holds 1 to {MAX_DOCUMENTS} job documents; this one holds {len(document)}.")
    return document, None


@router.post(
    "/check",
    auth=SUBMIT,
    operation_id="jobs_check",
    summary="Check a job document",
    response=answers(CheckOut, body=True),
    openapi_extra=document_body(),
)
def check_job(request: HttpRequest, base: Base = None) -> Any:
    """Say everything that is wrong with a document, and what is only unusual; nothing is written."""
    document, problems = schema.parse(request.body)
    if problems:
        return {"ok": False, "problems": [item.as_dict() for item in problems], "warnings": [], "adds": []}
    if isinstance(document, list):
        reports = [submit.check(item, base=_path(base)) for item in document[:MAX_DOCUMENTS]]
        return {
            "ok": all(report.ok for report in reports),
            "problems": [item.as_dict() for report in reports for item in report.problems],
            "warnings": [item.as_dict() for report in reports for item in report.warnings],
            "adds": [added.as_dict() for report in reports for added in report.adds],
        }
    return submit.check(document, source=request.body.decode("utf-8", "replace"), base=_path(base)).as_dict()


@router.get("", auth=READ, operation_id="jobs_list", summary="List jobs", response=answers(Page[JobOut]))
def list_jobs(request: HttpRequest, query: Query[JobsQuery]) -> Any:
    """Jobs that the caller may see, newest first."""
    caller = actor(request)
    rows = query.apply(caller.jobs(), me=caller.name).for_list()
    return page(request, rows, JobOut, query)


@router.get("/{job_id}", auth=READ, operation_id="jobs_get", summary="Get a job", response=answers(JobDetail, 404))
def get_job(request: HttpRequest, job_id: Key, query: Query[Sparse], wait: Wait = 0) -> Any:
    """One job with its document, attempts and the reason for which it waits.

    With `wait`, the answer comes when the job has ended or asks for a person, or when the time is over.
    """
    job = actor(request).job(job_id)
    return one(request, _at_the_end(job, wait) if wait else job, JobDetail, query.fields)


def _at_the_end(job: Job, wait: float) -> Job:
    return wait_for(job, min(wait, settings.ENGINE_LONGEST_WAIT_S))


@router.get(
    "/{job_id}/document",
    auth=READ,
    operation_id="jobs_document",
    summary="Get a job's document",
    response=answers(dict[str, Any], 404),
)
def get_document(request: HttpRequest, job_id: Key) -> HttpResponse:
    """The document as it was submitted: whole for who submitted it, with the scope submit, and for operators.

    For others the values of `env` are hidden, except those that `metadata.public_env` names.
    """
    caller = actor(request)
    job = caller.job(job_id)
    return Response(job.spec if caller.sees_values(job) else shown_document(job.spec))
