"""Submit: check a document, then write its run, workstream, job, dependencies and event in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError

import schema
from adapters import registry
from jobs import db
from jobs.errors import DuplicateJob, InvalidDocument, LockedWorkstream
from jobs.models import Job, Run, Workstream
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.submission import job_paths
from jobs.services.submission.claim_order import claim_order
from jobs.services.submission.dependencies import link
from jobs.states import JobStatus, Priority


@dataclass(frozen=True)
class Submitter:
    """Who asks: a user, or a name for callers without one."""

    name: str = "engine"
    user: User | None = None


ENGINE = Submitter()
RESERVED = frozenset({"new", "bulk", "check", "rows"})  # words that stand where a job id stands in an address


def check(document: Any, *, source: str | None = None, base: Path | None = None) -> schema.Report:
    """Everything that is wrong with the document, and warnings; nothing is written. This is the dry run."""
    report = schema.check(document, tools=sorted(registry.adapters()), source=source)
    if not report.ok:
        return report
    problems = list(report.problems)
    if document["job_id"] in RESERVED:
        problems.append(
            schema.Problem(
                "/job_id",
                f"{document['job_id']!r} is an address of its own and cannot name a job.",
                document["job_id"],
                "any other id",
                f"Use {document['job_id']}-1, for example.",
            )
        )
    if document["tool"] == "shell" and not settings.ENGINE_ALLOW_SHELL:
        problems.append(
            schema.Problem(
                "/tool",
                "The shell tool is switched off on this server.",
                "shell",
                "any other tool",
                "Ask an operator to set ENGINE_ALLOW_SHELL=1.",
            )
        )
    problems += job_paths.problems(document, base)
    return schema.Report(problems, report.warnings)


def submit(
    document: Any,
    *,
    by: Submitter = ENGINE,
    base: Path | None = None,
    source: str | None = None,
    queue: str | None = None,
) -> Job:
    """Put one document into the queue.

    Raises InvalidDocument with every problem, DuplicateJob, LockedWorkstream or DependencyCycle; then nothing is written.
    """
    return submit_all([document], by=by, base=base, sources=[source], queue=queue)[0]


def submit_all(
    documents: Sequence[Any],
    *,
    by: Submitter = ENGINE,
    base: Path | None = None,
    sources: Sequence[str | None] = (),
    queue: str | None = None,
) -> list[Job]:
    """All of the documents, or none. They may depend on each other."""
    for index, document in enumerate(documents):
        report = check(document, source=sources[index] if index < len(sources) else None, base=base)
        if not report.ok:
            count = len(report.problems)
            where = f" (document {index + 1})" if len(documents) > 1 else ""
            plural = "problem" if count == 1 else "problems"
            raise InvalidDocument(
                f"The job document{where} has {count} {plural}: {report.problems[0].message}", report.problems
            )
    with db.atomic():
        jobs = [_create(document, by, base, queue) for document in documents]
        link(jobs)
        db.on_commit(wake)
    return jobs


def _create(document: dict[str, Any], by: Submitter, base: Path | None, queue: str | None) -> Job:
    metadata = document.get("metadata") or {}
    found = job_paths.resolve(document, base)
    run = ensure_run(document["run_id"])
    workstream = ensure_workstream(run, document["workstream_id"])
    refuse_locked(workstream.ws_id)
    at = db.now()
    priority = Priority(metadata.get("priority", Priority.NORMAL))
    try:
        with db.atomic():  # a savepoint: PostgreSQL must be able to go on and say why
            job = Job.objects.create(
                job_id=document["job_id"],
                run=run,
                workstream=workstream,
                title=title_of(document),
                spec=document,
                paths=job_paths.to_json(found),
                tool=document["tool"],
                status=JobStatus.WAITING,
                priority=priority,
                queue=queue or metadata.get("queue", "default"),
                claim_order=claim_order(priority, at),
                repo_key=str(found.repo_root),
                exclusive=metadata.get("access", "write") == "write",
                concurrency_key=metadata.get("concurrency_key", ""),
                concurrency_limit=metadata.get("concurrency_limit", 1),
                submitter=by.user,
                submitted_by=by.name,
                created_at=at,
                updated_at=at,
            )
    except IntegrityError:
        raise DuplicateJob(
            f"Job {document['job_id']} already exists; choose another job_id.", job_id=document["job_id"]
        ) from None
    events.record("job.submitted", job=job, by=by.name, tool=job.tool, priority=job.priority)
    return job


def ensure_run(run_id: str, **fields: Any) -> Run:
    run, created = Run.objects.get_or_create(run_id=run_id, defaults=fields)
    if created:
        events.record("run.created", run_id=run.run_id)
    return run


def ensure_workstream(run: Run, ws_id: str) -> Workstream:
    return Workstream.objects.get_or_create(run=run, ws_id=ws_id)[0]


def refuse_locked(ws_id: str) -> None:
    """A lock holds for the line of work, whatever run names it."""
    locked = Workstream.objects.filter(ws_id=ws_id, locked=True).first()
    if locked:
        why = f": {locked.locked_reason}" if locked.locked_reason else ""
        raise LockedWorkstream(f"Workstream {ws_id} is locked and takes no new jobs{why}.", workstream_id=ws_id)


def title_of(document: dict[str, Any]) -> str:
    """The given title, or the prompt's or command's first line."""
    given = (document.get("metadata") or {}).get("title")
    if given:
        return str(given)[:200]
    prompt = registry.get(document["tool"]).prompt_of(document)
    command = document.get("command") or {}
    words = prompt or " ".join([command.get("exe", document["tool"]), *command.get("args", [])])
    return (words.strip().splitlines() or [document["job_id"]])[0][:200]
