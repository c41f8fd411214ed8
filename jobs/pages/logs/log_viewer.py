"""The log of an attempt in windows of lines: the page, the pieces it loads, the search, the raw file."""

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import ptag

from jobs.models import Job, StepAttempt
from jobs.pages.jobs.attempt_chart import percent
from jobs.pages.jobs.job_detail import attempts_of, find_job, head_of, pick_attempt
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.log_lines import excerpt, rows_of
from jobs.pages.shared.numbers import whole_number
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.reading.logs import Log, NoSuchRange, note_watched, open_log
from jobs.streaming.raw_log import raw_log
from jobs.streaming.responses import can_stream

WINDOW = 400
BEFORE_LINE = 120  # lines shown above one that is linked to
HITS = 200
SEARCH_S = 0.8


@page()
def log(request: PageRequest, job_id: str) -> HttpResponse:
    job = find_job(request, job_id)
    attempts = attempts_of(job)
    attempt = pick_attempt(request, attempts)
    context = head_of(request, job, attempts, "log")
    if attempt is not None:
        context |= window_of(request, job, attempt)
    return render(request, "jobs/log.html", context)


def window_of(request: PageRequest, job: Job, attempt: StepAttempt) -> dict[str, Any]:
    log = open_log(attempt)
    alive, total = attempt.completed_at is None, log.lines_total
    whole = log.lines_whole if alive else total
    first = first_of(request, whole)
    errors = log.errors()
    lines = rows_of(log, log.lines(first, min(WINDOW, max(0, whole - first + 1))))
    last = lines[-1].number if lines else first - 1
    if alive:
        note_watched(attempt)
    question = request.GET.get("q", "").strip()[:200]
    return {
        "attempt": attempt,
        "log": log,
        "lines": lines,
        "first": first,
        "last": last,
        "total": whole,
        "errors": errors,
        "q": question,
        "found": search(log, question) if question else None,
        "alive": alive,
        "tailing": alive and last >= whole,
        "streams": can_stream(request),
        "marks": [(n, percent((n - 1) / max(1, total))) for n in errors],
        "parts": part_url(job, attempt),
        "window": (percent((first - 1) / max(1, total)), percent(max(0.004, len(lines) / max(1, total)))),
        "earlier": max(1, first - WINDOW),
        "later": last + 1,
    }


def part_url(job: Job, attempt: StepAttempt) -> str:
    return f"{reverse('job-log-part', args=[job.job_id])}?attempt={attempt.number}"


def first_of(request: PageRequest, total: int) -> int:
    """The first line of the window: asked for, around a line, or the end."""
    last_window = max(1, total - WINDOW + 1)
    if request.GET.get("line"):
        return max(1, min(whole_number(request.GET["line"], 1) - BEFORE_LINE, last_window))
    return max(1, min(whole_number(request.GET.get("from"), last_window), max(1, total)))


def search(log: Log, question: str) -> dict[str, Any]:
    """Hits in the whole log; `/…/` is a regular expression."""
    regex = len(question) > 2 and question.startswith("/") and question.endswith("/")
    pattern = question[1:-1] if regex else question
    try:
        found = log.search(pattern, regex, HITS, SEARCH_S)
    except ValueError as fault:
        return {"fault": str(fault)}
    hits = [(hit.number, excerpt(hit)) for hit in found.hits]
    return {"total": found.total, "hits": hits, "complete": found.complete}


def _part_tag(request: PageRequest, job_id: str) -> str | None:
    """Only the poll for new lines has a tag; a window of old lines never changes and is asked for once."""
    if not request.GET.get("poll"):
        return None
    attempt = _attempt(request, job_id)
    log = open_log(attempt)
    request.polled = (attempt, log)
    return f"{log.size}.{attempt.status}"


def _attempt(request: PageRequest, job_id: str) -> StepAttempt:
    job = find_job(request, job_id)
    attempt = pick_attempt(request, attempts_of(job))
    if attempt is None:
        raise missing("attempt", job_id)
    attempt.job = job
    return attempt


@page(part=True)
@ptag(_part_tag)
def part(request: PageRequest, job_id: str) -> HttpResponse:
    """A block of lines. `edge`: top or bottom carries the control for more; `rows` fills a gap in the stream."""
    attempt = request.polled[0] if request.GET.get("poll") else _attempt(request, job_id)
    log = open_log(attempt)
    alive = attempt.completed_at is None
    whole = log.lines_whole if alive else log.lines_total
    first = max(1, whole_number(request.GET.get("from"), 1))
    to = min(whole_number(request.GET.get("to"), whole), whole)
    lines = rows_of(log, log.lines(first, max(0, min(WINDOW, to - first + 1))))
    last = lines[-1].number if lines else first - 1
    if alive:
        note_watched(attempt)
    template = "jobs/_log_poll.html" if request.GET.get("poll") else "jobs/_log_part.html"
    return render(
        request,
        template,
        {
            "lines": lines,
            "edge": request.GET.get("edge", ""),
            "rows": request.GET.get("rows"),
            "first": first,
            "last": last,
            "to": to,
            "missing": to - last,
            "total": whole,
            "earlier": max(1, first - WINDOW),
            "later": last + 1,
            "alive": alive,
            "parts": part_url(attempt.job, attempt),
            "job": attempt.job,
            "attempt": attempt,
        },
    )


@page()
def raw(request: PageRequest, job_id: str) -> HttpResponseBase:
    """The log as it was written: whole, a range of bytes, or one line."""
    attempt = _attempt(request, job_id)
    try:
        return raw_log(
            request, attempt, line=whole_number(request.GET.get("line"), 0) or None, disposition="attachment"
        )
    except NoSuchRange as fault:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{fault.size}"})


@page()
def go(request: PageRequest, job_id: str) -> HttpResponse:
    """Go to line, without script."""
    line = whole_number(request.GET.get("line"), 1)
    attempt = whole_number(request.GET.get("attempt"), 0)
    chosen = f"attempt={attempt}&" if attempt else ""
    return HttpResponseRedirect(f"{reverse('job-log', args=[job_id])}?{chosen}line={line}#L{line}")
