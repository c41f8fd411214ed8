"""Submit: check a document, then write its run, workstream, job, dependencies and event in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError

import schema
from adapters import registry
from adapters.paths import Paths
from jobs import db
from jobs.errors import DuplicateJob, InvalidDocument, LockedWorkstream
from jobs.models import Job, Run, Workstream
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.core.sanitize import visible
from jobs.services.submission import job_paths, start_checks, tool_permissions
from jobs.services.submission.claim_order import claim_order
from jobs.services.submission.dependencies import link
from jobs.services.submission.submit_batch import submit_batch, submitted_event
from jobs.services.submission.tool_permissions import Added
from jobs.states import JobStatus, Priority
from schema.options import JobOptions


@dataclass(frozen=True)
class Submitter:
    """Who asks: a user, or a name for callers without one."""

    name: str = "engine"
    user: User | None = None


ENGINE = Submitter()
RESERVED = frozenset({"new", "bulk", "check", "rows"})  # words that stand where a job id stands in an address


@dataclass(frozen=True, slots=True)
class Checked(schema.Report):
    """A report, with what Engine would add to the commands of a document that is good."""

    adds: tuple[Added, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {**schema.Report.as_dict(self), "adds": [added.as_dict() for added in self.adds]}


def check(document: Any, *, source: str | None = None, base: Path | None = None) -> Checked:
    """Everything that is wrong with the document, and warnings; nothing is written. This is the dry run."""
    report, places = _examined(document, source, base)
    adds: tuple[Added, ...] = ()
    if report.ok and places is not None:
        adds = tool_permissions.added_to(document, tool_permissions.of_repository(str(places.repo_root)))
    return Checked(report.problems, report.warnings, adds)


def _examined(document: Any, source: str | None, base: Path | None) -> tuple[schema.Report, Paths | None]:
    """The report, and where the job works if nothing is wrong."""
    report = schema.check(document, tools=sorted(registry.adapters()), source=source)
    if not report.ok:
        return report, None
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
    problems += start_checks.refusals(document)
    places, outside = job_paths.located(document, base)
    return schema.Report(problems + outside, report.warnings), places


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
    """All of the documents, or none, in one transaction. They may depend on each other.

    It holds the writer for about a quarter of a millisecond per document, and for much longer per dependency.
    """
    places = [
        _places_of(document, index, len(documents), sources[index] if index < len(sources) else None, base)
        for index, document in enumerate(documents)
    ]

    rules = tool_permissions.rules()

    def drafts() -> list[Job]:
        return [_draft(document, found, by, queue, rules) for document, found in zip(documents, places, strict=True)]

    jobs = submit_batch(drafts())
    return submit_each(drafts()) if jobs is None else jobs


def submit_each(drafts: Sequence[Job]) -> list[Job]:
    """Write the jobs one by one, each with its run, workstream and event: what `submit_batch` does for many.

    Raises DuplicateJob, LockedWorkstream or DependencyCycle; then nothing is written.
    """
    with db.atomic():
        for job in drafts:
            _create(job)
        link(drafts)
        db.on_commit(wake)
    return list(drafts)


def _places_of(document: Any, index: int, count: int, source: str | None, base: Path | None) -> Paths:
    report, places = _examined(document, source, base)
    if places is None or not report.ok:
        plural = "problem" if len(report.problems) == 1 else "problems"
        where = f" (document {index + 1})" if count > 1 else ""
        sentence = f"The job document{where} has {len(report.problems)} {plural}: {report.problems[0].message}"
        raise InvalidDocument(sentence, report.problems)
    return places


def _draft(
    document: dict[str, Any], places: Paths, by: Submitter, queue: str | None, rules: tool_permissions.Rules
) -> Job:
    """The job of a document, not written yet and without its workstream."""
    options = JobOptions.from_document(document)
    at = db.now()
    priority = Priority(options.priority)
    return Job(
        job_id=document["job_id"],
        run_id=document["run_id"],
        title=title_of(document),
        spec=document,
        paths=job_paths.to_json(places),
        tool=document["tool"],
        status=JobStatus.WAITING,
        priority=priority,
        queue=queue or options.queue,
        claim_order=claim_order(priority, at),
        repo_key=str(places.repo_root),
        tree_key=job_paths.tree_of(places),
        exclusive=not options.reads,
        permissions=tool_permissions.in_project(str(places.repo_root), rules),
        concurrency_key=options.concurrency_key or "",
        concurrency_limit=options.concurrency_limit,
        submitter=by.user,
        submitted_by=by.name,
        created_at=at,
        updated_at=at,
    )


def _create(job: Job) -> None:
    job.workstream = ensure_workstream(ensure_run(job.run_id), job.spec["workstream_id"])
    refuse_locked(job.workstream.ws_id)
    try:
        with db.atomic():  # a savepoint: PostgreSQL must be able to go on and say why
            job.save(force_insert=True)
    except IntegrityError:
        raise DuplicateJob(f"Job {job.job_id} already exists; choose another job_id.", job_id=job.job_id) from None
    submitted_event(job).save(force_insert=True)


def ensure_run(run_id: str, **fields: Any) -> Run:
    run, created = Run.objects.get_or_create(run_id=run_id, defaults=fields)
    if created:
        events.record("run.created", run_id=run.run_id)
    return run


def ensure_workstream(run: Run, ws_id: str) -> Workstream:
    return Workstream.objects.get_or_create(run=run, ws_id=ws_id)[0]


def refuse_locked(ws_id: str) -> None:
    if refused := lock_refusal(ws_id):
        raise refused


def lock_refusal(ws_id: str) -> LockedWorkstream | None:
    """A lock holds for the line of work, whatever run names it."""
    locked = Workstream.objects.filter(ws_id=ws_id, locked=True).first()
    if locked is None:
        return None
    why = f": {locked.locked_reason}" if locked.locked_reason else ""
    return LockedWorkstream(f"Workstream {ws_id} is locked and takes no new jobs{why}.", workstream_id=ws_id)


def title_of(document: dict[str, Any]) -> str:
    """The given title, or the prompt's or command's first line."""
    if given := JobOptions.from_document(document).title:
        return visible(str(given))[:200]
    prompt = registry.get(document["tool"]).prompt_of(document)
    command = document.get("command") or {}
    words = prompt or " ".join([command.get("exe", document["tool"]), *command.get("args", [])])
    return visible((words.strip().splitlines() or [document["job_id"]])[0])[:200]
