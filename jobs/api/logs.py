"""The log of a job: as bytes, by lines, searched, and as it comes."""

import re
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import HeaderEx, P, Query, Router, Schema
from pydantic import Field, StringConstraints

from adapters.process import Hit, Line
from jobs.api.auth import READ, actor
from jobs.api.errors import problem
from jobs.api.responses import Key, answers
from jobs.errors import InvalidDocument, NotFound
from jobs.models import StepAttempt
from jobs.services.reading import logs
from jobs.services.reading.log_formats import JobLines, Place
from jobs.services.reading.log_stream import watch_log
from jobs.services.reading.logs import NoSuchRange
from jobs.streaming.credentials import MayReadJob, credential_of
from jobs.streaming.raw_log import raw_log
from jobs.streaming.responses import can_stream, event_stream

router = Router(tags=["logs"])
Number = Annotated[int, Field(ge=0, le=2**31, description="number of the attempt; 0 means the latest")]
LineNumber = Annotated[int, Field(ge=1, le=2**53)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
ResumeText = Annotated[str, StringConstraints(max_length=40)]
ResumeAt = HeaderEx[
    ResumeText | None,
    P(alias="Last-Event-ID", description="The id of the last message that arrived; browsers send it."),
]
NO_STREAMS = "This server does not hold streams open; ask for the lines again and again."


class LineOut(Schema):
    """One line of a log, without its end."""

    number: int
    text: str
    time: float | None = Field(None, description="seconds since 1970 when it came")
    cut: bool = Field(False, description="only its beginning; the bytes have the rest")


class LinesOut(Schema):
    """A window of a log."""

    attempt: int
    lines: list[LineOut]
    lines_total: int
    bytes_total: int
    complete: bool = Field(description="whether everything that the attempt wrote can be read here")
    final: bool = Field(description="whether the attempt has ended")


class HitsOut(Schema):
    """What a search found."""

    attempt: int
    total: int
    complete: bool = Field(description="false when the time was over before the end of the log")
    hits: list[LineOut]


class LinesQuery(Schema):
    attempt: Number = 0
    first: LineNumber | None = Field(None, description="number of the first line; without it, the last lines")
    count: int = Field(200, ge=1, le=2000)


class SearchQuery(Schema):
    attempt: Number = 0
    q: Pattern
    regex: bool = False
    limit: int = Field(200, ge=1, le=1000)


def attempt_of(request: HttpRequest, job_id: str, number: int) -> StepAttempt:
    job = actor(request).job(job_id)
    rows = job.attempts.order_by("-number")
    found = rows.filter(number=number).first() if number else rows.first()
    if found is None:
        raise NotFound(f"Job {job_id} has no attempt {number}." if number else f"Job {job_id} has not started yet.")
    return found


@router.get(
    "/{job_id}/log",
    auth=READ,
    operation_id="jobs_log",
    summary="Download a job's log",
    response=answers(bytes, 404, 416),
    openapi_extra={
        "parameters": [
            {
                "in": "header",
                "name": "Range",
                "required": False,
                "schema": {"type": "string", "pattern": "^bytes=[0-9]*-[0-9]*$"},
                "description": "A range of bytes; the answer is a 206.",
            }
        ]
    },
)
def log(request: HttpRequest, job_id: Key, attempt: Number = 0, line: LineNumber | None = None) -> Any:
    """The bytes as the tool wrote them, a range of them, or with `line` that line; masked before they reach the disk."""
    found = attempt_of(request, job_id, attempt)
    try:
        return raw_log(request, found, line=line, disposition="inline")
    except NoSuchRange as fault:
        refusal = problem(request, 416, str(fault), "no_such_range")
        refusal["Content-Range"] = f"bytes */{fault.size}"
        return refusal


@router.get(
    "/{job_id}/log/lines",
    auth=READ,
    operation_id="jobs_log_lines",
    summary="Get log lines",
    response=answers(LinesOut, 404),
)
def lines(request: HttpRequest, job_id: Key, query: Query[LinesQuery]) -> Any:
    """A window of up to 2,000 lines; without `first`, the last ones."""
    attempt = attempt_of(request, job_id, query.attempt)
    opened = logs.open_log(attempt)
    found = opened.lines(query.first, query.count) if query.first else opened.tail(query.count)
    return {
        "attempt": attempt.number,
        "lines": [_line(line) for line in found],
        "lines_total": opened.lines_total,
        "bytes_total": opened.size,
        "complete": opened.complete,
        "final": attempt.is_final,
    }


def _line(line: Line) -> dict[str, Any]:
    return {"number": line.number, "text": line.text, "time": line.time, "cut": line.cut}


def _hit(hit: Hit) -> dict[str, Any]:
    return {"number": hit.number, "text": hit.text, "cut": hit.before or hit.after}


@router.get(
    "/{job_id}/log/search",
    auth=READ,
    operation_id="jobs_log_search",
    summary="Search a log",
    response=answers(HitsOut, 404),
)
def search(request: HttpRequest, job_id: Key, query: Query[SearchQuery]) -> Any:
    """Count the lines that hold a text, or match a regular expression (RE2 syntax), and show the first ones.

    A line is searched as a terminal shows it, without colours; of a long one the surroundings of the match are shown.
    """
    attempt = attempt_of(request, job_id, query.attempt)
    try:
        result = logs.open_log(attempt).search(query.q, query.regex, query.limit, 2.0)
    except ValueError as fault:
        raise InvalidDocument(str(fault)) from None
    return {
        "attempt": attempt.number,
        "total": result.total,
        "complete": result.complete,
        "hits": [_hit(hit) for hit in result.hits],
    }


@router.get(
    "/{job_id}/log/stream",
    auth=READ,
    operation_id="jobs_log_stream",
    summary="Stream a log",
    response=answers(str, 404),
)
def stream(
    request: HttpRequest,
    job_id: Key,
    attempt: Number = 0,
    line: Annotated[int, Field(ge=0, le=2**53)] = 0,
    last_event_id: ResumeAt = None,
) -> Any:
    """Server-sent events: `attempt`, `lines` and, last, `end`; from the first line of the first attempt on.

    Resumes after Last-Event-ID, or after `attempt` and `line`. Ends within seconds when the caller may no longer read it.
    """
    caller = actor(request)
    job = caller.job(job_id)
    if not can_stream(request):
        return problem(request, 501, NO_STREAMS, "no_streams")
    if last_event_id and (place := re.fullmatch(r"(\d{1,9}):(\d{1,15})", last_event_id)):
        attempt, line = int(place[1]), int(place[2])
    permission = MayReadJob(credential_of(request, caller), job.pk)
    return event_stream(watch_log(JobLines(job.pk), Place(attempt, line), permission))
