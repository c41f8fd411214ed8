"""Settle many: what `settle` does for one attempt, in one transaction and about ten statements for any number of them.

Only for what is plain: the work is good and nobody has to review it. Everything else, and every batch that the database
refuses, takes the way of `settle`, one attempt at a time: one bad ending must not hold the others.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, DataError, IntegrityError

from adapters.process import Ending
from adapters.verdict import Verdict
from jobs import db
from jobs.errors import LostLease
from jobs.models import Event, LogChunk, StepAttempt
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.core.roll_up import status_of
from jobs.services.core.sanitize import fit
from jobs.services.core.transitions import let_go
from jobs.services.outcome.attempt_record import closing_event, closing_fields
from jobs.services.outcome.circuit_breaker import note_outcome
from jobs.services.outcome.settle import settle
from jobs.sql import attempts, controls, dependencies, jobs, runs, workstreams
from jobs.sql.jobs import Completion
from jobs.sql.model_rows import insert, to_json
from jobs.states import JobStatus, RunStatus

log = logging.getLogger("engine.settle")


@dataclass(frozen=True)
class Ended:
    """An attempt's end, with its job loaded. `chunks` are the pieces of its log that are not stored yet."""

    attempt: StepAttempt
    verdict: Verdict
    ending: Ending | None = None
    head_commit: str = ""
    error_report: str = ""
    chunks: Sequence[LogChunk] = ()
    by: str = "engine"

    @property
    def is_plain(self) -> bool:
        return self.verdict.success and self.ending is not None and not self.attempt.job.options.review


def settle_batch(endings: Sequence[Ended]) -> list[Exception | None]:
    """What came of each, in their order: None if it is settled; LostLease, or a refusal of the database, if it is not.

    Raises what the database raises when it is away. Asked again, it answers LostLease for those that had been settled.
    """
    settled = _together([ended for ended in endings if ended.is_plain])
    return [None if ended.attempt.pk in settled else _alone(ended) for ended in endings]


def _together(plain: Sequence[Ended]) -> set[int]:
    """The keys of the attempts that were settled."""
    if not plain:
        return set()
    try:
        return _settle(plain)
    except (_Miscounted, DatabaseError):
        log.exception("a batch of %d endings was refused; they are settled one at a time", len(plain))
        return set()


def _alone(ended: Ended) -> Exception | None:
    try:
        with db.atomic():
            settle(
                ended.attempt,
                ended.verdict,
                ended.ending,
                by=ended.by,
                head_commit=ended.head_commit,
                error_report=ended.error_report,
            )
            insert(ended.chunks, returning="")
    except (LostLease, DataError, IntegrityError) as refusal:
        return refusal
    return None


class _Miscounted(Exception):
    """Fewer rows changed than were locked: the batch is undone."""


def _settle(plain: Sequence[Ended]) -> set[int]:
    with db.atomic():
        rows = jobs.lock([ended.attempt.job_id for ended in plain])
        held = {(row.id, row.fence) for row in rows.values() if row.status == JobStatus.RUNNING}
        ours = [ended for ended in plain if (ended.attempt.job_id, ended.attempt.fence) in held]
        if ours:
            at = db.now()
            _close(ours, at)
            _forget_failures(ours)
            _release_dependants(ours)
            _roll_up(ours, at)
            db.on_commit(wake)  # slots are free
    return {ended.attempt.pk for ended in ours}


def _close(ours: Sequence[Ended], at: datetime) -> None:
    """The rows of attempts, jobs and logs, and the events."""
    closed, completed, happened = [], [], list[Event]()
    for ended in ours:
        attempt, verdict = ended.attempt, fit(ended.verdict)
        fields = closing_fields(
            attempt,
            attempt.job.job_id,
            verdict,
            ended.ending,
            head_commit=ended.head_commit,
            error_report=ended.error_report,
            at=at,
        )
        for name, value in fields.items():
            setattr(attempt, name, value)
        as_json = {name: to_json(fields[name]) for name in ("verdict", "usage", "result_json")}
        closed.append({**fields, **as_json, "id": attempt.pk, "fence": attempt.fence})
        completed.append(Completion(attempt.job_id, attempt.fence, verdict.summary[:500]))
        happened += [closing_event(attempt.job, attempt, verdict, ended.ending, "done", ended.by), _completed(attempt)]
    if (attempts.complete(closed), jobs.complete(completed, at)) != (len(ours), len(ours)):
        raise _Miscounted
    events.record_all(happened)
    insert([chunk for ended in ours for chunk in ended.chunks], returning="")


def _completed(attempt: StepAttempt) -> Event:
    return events.event(
        "job.completed",
        job=attempt.job,
        ws_id=attempt.ws_id,
        old=JobStatus.RUNNING,
        new=JobStatus.COMPLETED,
        attempt=attempt.number,
        reason="ok",
    )


def _forget_failures(ours: Sequence[Ended]) -> None:
    verdicts = {ended.attempt.step_name: ended.verdict for ended in ours}
    for tool in controls.in_trouble(sorted(verdicts)):
        note_outcome(tool, verdicts[tool])


def _release_dependants(ours: Sequence[Ended]) -> None:
    parents = [ended.attempt.job for ended in ours]
    of_jobs, of_streams = dependencies.waited_for(
        [job.pk for job in parents], sorted({job.workstream_id for job in parents})
    )
    if of_jobs or of_streams:
        let_go([job for job in parents if job.pk in of_jobs or job.workstream_id in of_streams])


def _roll_up(ours: Sequence[Ended], at: datetime) -> None:
    """Runs and workstreams follow their jobs."""
    statuses = runs.lock(sorted({ended.attempt.run_id for ended in ours}))
    states = jobs.states_in_runs(sorted(statuses))
    runs.follow({run_id: now for run_id, was in statuses.items() if (now := _status(states[run_id])) != was}, at)
    streams = workstreams.named(sorted({ended.attempt.job.workstream_id for ended in ours}))
    of_streams = jobs.states_in_workstreams(sorted(streams))
    workstreams.follow({pk: now for pk, row in streams.items() if (now := _status(of_streams[pk])) != row.status}, at)


def _status(states: Iterable[JobStatus]) -> RunStatus:
    return status_of(dict.fromkeys(states, 1))
