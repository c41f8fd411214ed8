"""Submit by pasting or uploading job JSON: every problem under its own line, and nothing that was typed is lost."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render, resolve_url

import schema
from jobs import db
from jobs.access import Actor
from jobs.errors import InvalidDocument, Refused
from jobs.models import Job, JobTemplate
from jobs.pages.jobs.job_detail import find_job
from jobs.pages.shared.htmx import done
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.reading.redaction import without_values
from jobs.services.submission import submit

MAX_DOCUMENTS = 100
MAX_BYTES = 1_100_000  # a little above the limit, so that the schema says how much is too much


@dataclass(frozen=True)
class CheckedLine:
    number: int
    text: str
    problems: list[schema.Problem]
    warnings: list[schema.Problem]


def send(actor: Actor, documents: list[Any], sources: list[str | None]) -> list[Job]:
    """All or none, as the person whose page it is. Raises Refused."""
    with db.atomic():
        jobs = submit.submit_all(documents, by=actor.submitter, sources=sources)
        for job in jobs:
            actor.require_submit_to(job.repo_key)
    return jobs


@page("GET", "HEAD", "POST", scope="submit")
def submit_json(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _posted(request)
    text, of = "", None
    if request.GET.get("clone"):
        of = find_job(request, request.GET["clone"])
        text = json.dumps(clone_of(of), indent=2, ensure_ascii=False)
    elif request.GET.get("template"):
        template = request.actor.template(request.GET["template"])
        text = json.dumps(of_template(template), indent=2, ensure_ascii=False)
    elif request.GET.get("example") in schema.example_texts():
        text = schema.example_texts()[request.GET["example"]]
    return _page(request, text, None, cloned=of)


def clone_of(job: Job) -> dict[str, Any]:
    """The job's document under a new id, without the values of its environment."""
    return {**without_values(job.spec), "job_id": new_id(job.job_id)}


def of_template(template: JobTemplate) -> dict[str, Any]:
    today = f"{db.now():%Y%m%d}"
    return {"job_id": f"{template.slug}-{today}-{secrets.token_hex(3)}", "run_id": f"run-{today}", **template.document}


def new_id(like: str = "job") -> str:
    stem = like.rpartition("-copy-")[0] or like
    return f"{stem[:108]}-copy-{secrets.token_hex(3)}"


def _posted(request: PageRequest) -> HttpResponse:
    upload = request.FILES.get("file")
    raw: bytes | str = upload.read(MAX_BYTES) if upload else request.POST.get("doc", "")[:MAX_BYTES]
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw.replace("\r\n", "\n")
    documents, sources, problems, warnings = _read(raw if isinstance(raw, bytes) else text, text)
    if not problems and request.POST.get("action") != "check":
        try:
            jobs = send(request.actor, documents, sources)
        except InvalidDocument as refusal:
            problems = refusal.problems
        except Refused as refusal:
            problems = [schema.Problem("", refusal.message)]
            return _page(request, text, (problems, warnings), status=refusal.status)
        else:
            return _submitted(request, jobs)
    return _page(request, text, (problems, warnings), status=422 if problems else 200)


def _read(
    raw: bytes | str, text: str
) -> tuple[list[Any], list[str | None], list[schema.Problem], list[schema.Problem]]:
    """The documents, where their lines come from, and everything that is wrong with them."""
    document, problems = schema.parse(raw)
    if problems:
        return [], [], problems, []
    if not isinstance(document, list):
        report = submit.check(document, source=text)
        return [document], [text], report.problems, report.warnings
    if not 0 < len(document) <= MAX_DOCUMENTS:
        return [], [], [schema.Problem("", f"A list holds 1 to {MAX_DOCUMENTS} jobs.", f"{len(document)} jobs")], []
    warnings = []
    for index, one in enumerate(document):
        report = submit.check(one)
        problems += [_in_list(problem, index) for problem in report.problems]
        warnings += [_in_list(problem, index) for problem in report.warnings]
    return document, [None] * len(document), problems, warnings


def _in_list(problem: schema.Problem, index: int) -> schema.Problem:
    return schema.Problem(
        f"/{index}{problem.pointer}",
        f"Job {index + 1}: {problem.message}",
        problem.found,
        problem.allowed,
        problem.suggestion,
    )


def _submitted(request: PageRequest, jobs: list[Job]) -> HttpResponse:
    if len(jobs) == 1:
        return done(request, f"{jobs[0].title} was submitted.", resolve_url("job", job_id=jobs[0].job_id))
    return done(request, f"{len(jobs)} jobs were submitted.", resolve_url("run", run_id=jobs[0].run_id))


def _page(
    request: PageRequest,
    text: str,
    found: tuple[list[schema.Problem], list[schema.Problem]] | None,
    *,
    cloned: Job | None = None,
    status: int = 200,
) -> HttpResponse:
    problems, warnings = found or ([], [])
    placed = [p for p in problems if p.line is not None]
    return render(
        request,
        "submit/json.html",
        {
            "text": text,
            "checked": found is not None,
            "problems": problems,
            "warnings": warnings,
            "cloned": cloned,
            "loose": [p for p in problems if not p.line],
            "loose_warnings": [w for w in warnings if not w.line],
            "lines": checked_lines(text, placed, [w for w in warnings if w.line]) if found is not None else [],
            "jumps": sorted({p.line for p in placed if p.line})[:12],
            "examples": sorted(schema.example_texts()),
            "templates": request.actor.templates()[:60],
        },
        status=status,
    )


def checked_lines(text: str, problems: list[schema.Problem], warnings: list[schema.Problem]) -> list[CheckedLine]:
    lines = text.split("\n")[:4000]
    return [
        CheckedLine(
            number, line[:1000], [p for p in problems if p.line == number], [w for w in warnings if w.line == number]
        )
        for number, line in enumerate(lines, 1)
    ]
