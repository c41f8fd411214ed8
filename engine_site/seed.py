"""Rows in bulk, to see and measure Engine with a long history: `engine seed --jobs 1000000`."""

import hashlib
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.utils import timezone

from jobs.models import ErrorGroup, Event, Job, Run, StepAttempt, Workstream
from jobs.services.submission.claim_order import claim_order
from jobs.states import AttemptStatus, JobStatus, Priority

BATCH = 2_000
PER_RUN = 400
TOOLS = ("aider", "codex", "claude", "gemini", "tests", "git", "shell")
PEOPLE = ("mara", "jonas", "priya", "tomasz", "ci")
ENDS = (
    [(JobStatus.COMPLETED, AttemptStatus.COMPLETED, "ok")] * 80
    + [(JobStatus.FAILED, AttemptStatus.FAILED, "tests_failed")] * 10
    + [(JobStatus.TIMEOUT, AttemptStatus.TIMEOUT, "timeout")] * 4
    + [(JobStatus.CANCELLED, AttemptStatus.CANCELLED, "cancelled")] * 6
)
WORK = (
    "Retry client calls",
    "Split the refund service",
    "Rename legacy columns",
    "Draft the migration guide",
    "Expose counters",
    "Rebase onto main",
    "Make the importer idempotent",
    "Fix the flaky clock test",
)


def seed(
    count: int, progress: Callable[[int], object] = lambda done: None, chance: random.Random | None = None
) -> None:
    """Add `count` finished jobs spread over the last 80 days, oldest first, with runs, attempts, events and errors."""
    chance = chance or random.Random(count)  # noqa: S311 - sample rows
    now, stamp = timezone.now(), f"{timezone.now():%Y%m%d%H%M%S}"
    kinds = _errors(stamp, now)
    done = 0
    for run_number, numbers in enumerate(batched(range(count), PER_RUN)):
        started = now - timedelta(days=80) * (1 - numbers[0] / max(count, 1))
        run, streams = _run(stamp, run_number, started)
        for batch in batched(_jobs(stamp, numbers, run, streams, started, now, chance), BATCH):
            jobs = Job.objects.bulk_create(batch)
            StepAttempt.objects.bulk_create(_attempt(job, kinds, chance) for job in jobs)
            Event.objects.bulk_create(event for job in jobs for event in _events(job))
            done += len(jobs)
            progress(done)


def _errors(stamp: str, now: datetime) -> list[ErrorGroup]:
    rows = []
    for number in range(40):
        message = f"AssertionError: case {number} of the sample differs"
        signature = hashlib.sha256(f"{stamp}{number}".encode()).hexdigest()[:32]
        rows.append(
            ErrorGroup(
                signature=signature,
                tool=TOOLS[number % len(TOOLS)],
                category="tests_failed",
                message=message,
                pattern=message,
                count=number + 1,
                first_seen_at=now - timedelta(days=80 - number),
            )
        )
    return ErrorGroup.objects.bulk_create(rows)


def _run(stamp: str, number: int, at: datetime) -> tuple[Run, list[Workstream]]:
    run = Run.objects.create(
        run_id=f"run-{stamp}-{number:05}",
        status="completed",
        title=f"Sample run {number}",
        created_at=at,
        started_at=at,
        completed_at=at + timedelta(hours=2),
        updated_at=at,
    )
    streams = Workstream.objects.bulk_create(
        Workstream(run=run, ws_id=f"ws-{name}", status="completed", created_at=at, updated_at=at)
        for name in ("schema", "service", "client", "docs")
    )
    return run, streams


def _jobs(
    stamp: str,
    numbers: tuple[int, ...],
    run: Run,
    streams: list[Workstream],
    at: datetime,
    now: datetime,
    chance: random.Random,
) -> Iterator[Job]:
    for number in numbers:
        created = min(at + timedelta(seconds=18 * (number % PER_RUN)), now)
        finished = min(created + timedelta(seconds=chance.uniform(2, 600)), now)
        status, _, reason = chance.choice(ENDS)
        priority = chance.choice(list(Priority))
        tool, name = chance.choice(TOOLS), f"job-{stamp}-{number:07}"
        title = chance.choice(WORK)
        spec: dict[str, Any] = {
            "job_id": name,
            "run_id": run.run_id,
            "workstream_id": streams[number % 4].ws_id,
            "tool": tool,
            "command": {"exe": tool, "args": ["--message", title]},
            "metadata": {"title": title},
        }
        yield Job(
            job_id=name,
            run=run,
            workstream=streams[number % 4],
            title=f"{title} {number}",
            spec=spec,
            paths={"repo_root": "/srv/sample", "working_dir": "/srv/sample", "log_file": None, "error_report": None},
            tool=tool,
            status=status,
            reason=reason,
            summary="" if reason == "ok" else f"It ended as {reason}.",
            priority=priority,
            claim_order=claim_order(priority, created),
            repo_key="/srv/sample",
            tree_key="/srv/sample",
            fence=1,
            attempts_made=1,
            submitted_by=chance.choice(PEOPLE),
            created_at=created,
            queued_at=created,
            started_at=created,
            finished_at=finished,
            updated_at=finished,
        )


def _attempt(job: Job, kinds: list[ErrorGroup], chance: random.Random) -> StepAttempt:
    status = next(attempt for end, attempt, _ in ENDS if end == job.status)
    success = job.status == JobStatus.COMPLETED
    return StepAttempt(
        run_id=job.run_id,
        ws_id=job.spec["workstream_id"],
        step_name=job.tool,
        status=status,
        job=job,
        number=1,
        fence=1,
        started_at=job.started_at or job.created_at,
        completed_at=job.finished_at,
        reason=job.reason,
        exit_code=0 if success else 1,
        result_json={"job_id": job.job_id, "exit_code": 0 if success else 1, "success": success},
        node="sample",
        host="sample",
        marker=job.job_id,
        log_lines=chance.randrange(5, 4000),
        log_bytes=chance.randrange(500, 400_000),
        error=chance.choice(kinds) if job.status == JobStatus.FAILED else None,
    )


def _events(job: Job) -> Iterator[Event]:
    for word, at in (("submitted", job.created_at), ("running", job.started_at), (job.status, job.finished_at)):
        ws_id, payload = job.spec["workstream_id"], {"job_id": job.job_id}
        yield Event(
            timestamp=at or job.created_at,
            run_id=job.run_id,
            ws_id=ws_id,
            event_type=f"job.{word}",
            job=job,
            payload_json=payload,
        )
