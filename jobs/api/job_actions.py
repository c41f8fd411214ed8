"""What may be done to a job: one address per verb, and one for many jobs at once."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import Field

from jobs.access import Actor
from jobs.api.auth import REVIEW, SUBMIT, actor
from jobs.api.responses import Key, RequestBody, Text, answers
from jobs.api.schemas import JobDetail
from jobs.errors import InvalidDocument, Refused
from jobs.models import Job
from jobs.services.operations import job_actions
from jobs.services.operations.action_rules import Order, refusal
from jobs.services.reading.job_filter import JobFilter
from jobs.states import ReviewVerdict, Verb

router = Router(tags=["jobs"])
MAX_JOBS = 1000
NO_ORDER = Order()


class CommandIn(RequestBody):
    exe: Text = Field("", description="program; empty means the tool's own")
    args: list[Annotated[str, Field(max_length=131_071, pattern=r"^[^\x00]*$")]] = Field([], max_length=1000)
    stdin: Annotated[str, Field(max_length=500_000, pattern=r"^[^\x00]*$")] | None = None

    def as_command(self, job: Job) -> dict[str, Any]:
        exe = self.exe or (job.document().get("command") or {}).get("exe", "")
        return {"exe": exe, "args": self.args, **({} if self.stdin is None else {"stdin": self.stdin})}


class CancelIn(RequestBody):
    grace_seconds: float | None = Field(None, ge=0, le=3600, description="time between asking and killing")


class RetryIn(RequestBody):
    command: CommandIn | None = Field(None, description="runs instead of the document's command")


class EscalateIn(RequestBody):
    tool: Text = Field(examples=["codex"])
    command: CommandIn | None = Field(None, description="instead of the one that the tool's adapter would build")


class ReviewIn(RequestBody):
    verdict: Annotated[ReviewVerdict, Field(strict=False)]
    message: Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")] = ""


@router.post(
    "/{job_id}/cancel",
    auth=SUBMIT,
    operation_id="jobs_cancel",
    summary="Cancel a job",
    response=answers(JobDetail, 404, 409, body=True),
)
def cancel(request: HttpRequest, job_id: Key, order: Body[CancelIn | None] = None) -> Job:
    """Stop a job. A running one is `cancelling` until its processes are gone; asking twice is not an error."""
    return _act(request, job_id, Verb.CANCEL, Order(grace_s=order.grace_seconds if order else None))


@router.post(
    "/{job_id}/retry",
    auth=SUBMIT,
    operation_id="jobs_retry",
    summary="Retry a job",
    response=answers(JobDetail, 404, 409, body=True),
)
def retry(request: HttpRequest, job_id: Key, order: Body[RetryIn | None] = None) -> Job:
    """Make a new attempt now, with a fresh budget and, if given, another command."""
    return _act(request, job_id, Verb.RETRY, command=order.command if order else None)


@router.post(
    "/{job_id}/escalate",
    auth=SUBMIT,
    operation_id="jobs_escalate",
    summary="Escalate a job",
    response=answers(JobDetail, 404, 409, body=True),
)
def escalate(request: HttpRequest, order: EscalateIn, job_id: Key) -> Job:
    """Let another tool try, told what the last attempt met."""
    return _act(request, job_id, Verb.ESCALATE, Order(tool=order.tool), order.command)


@router.post(
    "/{job_id}/hold", auth=SUBMIT, operation_id="jobs_hold", summary="Hold a job", response=answers(JobDetail, 404, 409)
)
def hold(request: HttpRequest, job_id: Key) -> Job:
    """Keep a job that has not started from starting until it is released."""
    return _act(request, job_id, Verb.HOLD)


@router.post(
    "/{job_id}/release",
    auth=SUBMIT,
    operation_id="jobs_release",
    summary="Release a job",
    response=answers(JobDetail, 404, 409),
)
def release(request: HttpRequest, job_id: Key) -> Job:
    """Queue a held or quarantined job, or let it wait for what it still needs."""
    return _act(request, job_id, Verb.RELEASE)


@router.post(
    "/{job_id}/close",
    auth=SUBMIT,
    operation_id="jobs_close",
    summary="Close a quarantined job",
    response=answers(JobDetail, 404, 409),
)
def close(request: HttpRequest, job_id: Key) -> Job:
    """Accept that a quarantined job failed."""
    return _act(request, job_id, Verb.CLOSE)


@router.post(
    "/{job_id}/review",
    auth=REVIEW,
    operation_id="jobs_review",
    summary="Review a job",
    response=answers(JobDetail, 404, 409, body=True),
)
def review(request: HttpRequest, order: ReviewIn, job_id: Key) -> Job:
    """Approve it, reject it, or ask for changes: then a new attempt is told the message."""
    return _act(request, job_id, Verb.REVIEW, Order(verdict=order.verdict, message=order.message))


def _act(
    request: HttpRequest, job_id: str, verb: Verb, order: Order = NO_ORDER, command: CommandIn | None = None
) -> Job:
    caller = actor(request)
    job = caller.job(job_id)
    if command:
        order = replace(order, command=command.as_command(job))
    return job_actions.act(verb, job, by=caller, order=order)


class BulkFilter(RequestBody, JobFilter):
    """The filter of the list, without paging."""


class BulkIn(RequestBody):
    verb: Literal[Verb.CANCEL, Verb.RETRY, Verb.ESCALATE, Verb.HOLD, Verb.RELEASE, Verb.CLOSE]
    job_ids: list[Key] | None = Field(None, max_length=MAX_JOBS, description="these jobs; or give `filter`")
    filter: BulkFilter | None = Field(None, description="the jobs that the list shows for this filter")
    tool: Text = Field("", description="for escalate: the tool to try next")
    dry_run: bool = Field(False, description="say what would happen, and change nothing")


class BulkResult(Schema):
    job_id: str
    ok: bool
    status: str = Field(description="the state of the job afterwards; empty if the caller sees no such job")
    code: str = ""
    detail: str = ""


class BulkOut(Schema):
    """A result per job; one refusal does not touch the others."""

    verb: str
    dry_run: bool
    done: int
    refused: int
    results: list[BulkResult]


@router.post(
    "/bulk", auth=SUBMIT, operation_id="jobs_bulk", summary="Act on many jobs", response=answers(BulkOut, body=True)
)
def bulk(request: HttpRequest, order: BulkIn) -> Any:
    """Do one verb to up to 1,000 jobs, named by ids or by the filter of the list."""
    caller = actor(request)
    if (order.job_ids is None) == (order.filter is None):
        raise InvalidDocument("Give either job_ids or filter.")
    if order.verb is Verb.ESCALATE and not order.tool:
        raise InvalidDocument("Escalate takes a tool.")
    if order.job_ids is not None:
        ids = list(dict.fromkeys(order.job_ids))
    else:
        rows = order.filter.apply(caller.jobs(), me=caller.name).order_by("-pk") if order.filter else Job.objects.none()
        ids = list(rows.values_list("job_id", flat=True)[: MAX_JOBS + 1])
        if len(ids) > MAX_JOBS:
            raise InvalidDocument(f"The filter names more than {MAX_JOBS:,} jobs; narrow it.")
    results = [_try(caller, order, job_id) for job_id in ids]
    done = sum(result["ok"] for result in results)
    return {
        "verb": order.verb,
        "dry_run": order.dry_run,
        "done": done,
        "refused": len(results) - done,
        "results": results,
    }


def _try(caller: Actor, body: BulkIn, job_id: str) -> dict[str, Any]:
    order, status = Order(tool=body.tool), ""
    try:
        job = caller.job(job_id)
        status = job.status
        if not body.dry_run:
            job_actions.act(body.verb, job, by=caller, order=order)
        elif refused := refusal(body.verb, job, caller, order):
            raise refused
        return {
            "job_id": job_id,
            "ok": True,
            "status": status if body.dry_run else _status(job),
            "code": "",
            "detail": "",
        }
    except Refused as refused:
        return {"job_id": job_id, "ok": False, "status": status, "code": refused.code, "detail": refused.message}


def _status(job: Job) -> str:
    return str(Job.objects.values_list("status", flat=True).get(pk=job.pk))
