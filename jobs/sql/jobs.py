"""Jobs: what a claim chooses from, and the two changes that every job meets."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from jobs.models import Job
from jobs.sql import statement
from jobs.sql.model_rows import columns, read
from jobs.states import JobStatus


class Candidate(NamedTuple):
    """As much of a queued job as a claim needs to choose; the names are those of its columns."""

    id: int
    job_id: str
    fence: int
    version: int
    attempts_made: int
    tool: str
    queue: str
    tree_key: str
    exclusive: bool
    concurrency_key: str
    concurrency_limit: int


class Locked(NamedTuple):
    id: int
    status: str
    fence: int


class Completion(NamedTuple):
    id: int
    fence: int
    summary: str


# Index job_claim, in its order: as many entries are read as are asked for, and those of other queues before them.
ANY_QUEUED = "SELECT 1 FROM jobs WHERE status = 'queued' AND queue IN (%(queues)s) ORDER BY claim_order, id LIMIT 1"
BEST = """
SELECT id, job_id, fence, version, attempts_made, tool, queue, tree_key, exclusive, concurrency_key, concurrency_limit
FROM jobs WHERE status = 'queued' AND queue IN (%(queues)s) ORDER BY claim_order, id LIMIT %(most)s
"""
# Index job_alive: no more entries than jobs that hold processes.
ALIVE = """
SELECT min(job_id), tool, queue, tree_key, exclusive, concurrency_key, count(*)
FROM jobs WHERE status IN ('running', 'cancelling') GROUP BY tool, queue, tree_key, exclusive, concurrency_key
"""
# The key of each.
CLAIM = f"""
WITH chosen (id, fence, version) AS (VALUES %(chosen)s)
UPDATE jobs SET status = 'running', reason = '', summary = '', fence = jobs.fence + 1,
    attempts_made = jobs.attempts_made + 1, started_at = COALESCE(jobs.started_at, %(at)s), expires_at = NULL,
    updated_at = %(at)s, version = jobs.version + 1
FROM chosen
WHERE jobs.id = chosen.id AND jobs.fence = chosen.fence AND jobs.version = chosen.version
    AND jobs.status || '' = 'queued'
RETURNING {columns(Job)}
"""  # noqa: S608 - the names of the model's columns
LOCK = "SELECT id, status, fence FROM jobs WHERE id IN (%(ids)s) ORDER BY id FOR UPDATE"
COMPLETE = """
UPDATE jobs SET status = 'completed', reason = 'ok', summary = %(summary)s, finished_at = %(at)s, expires_at = NULL,
    updated_at = %(at)s, version = version + 1
WHERE id = %(id)s AND fence = %(fence)s AND status || '' = 'running'
"""
CANCELLING = "SELECT id, cancel_grace_s FROM jobs WHERE id IN (%(ids)s) AND status || '' = 'cancelling'"
# Indexes job_by_run and job_in_state: one entry for each state, however many jobs are in it. The LIMIT keeps PostgreSQL
# from turning the question into a join that reads them all.
OF_RUNS = """
WITH states (status) AS (VALUES %(states)s)
SELECT runs.run_id, states.status FROM runs CROSS JOIN states WHERE runs.run_id IN (%(run_ids)s)
    AND (SELECT 1 FROM jobs WHERE jobs.run_id = runs.run_id AND jobs.status = states.status LIMIT 1) = 1
"""
OF_WORKSTREAMS = """
WITH states (status) AS (VALUES %(states)s)
SELECT workstreams.id, states.status FROM workstreams CROSS JOIN states WHERE workstreams.id IN (%(ids)s)
    AND (SELECT 1 FROM jobs WHERE jobs.workstream_id = workstreams.id AND jobs.status = states.status LIMIT 1) = 1
"""


def any_queued(queues: Sequence[str]) -> bool:
    """A cheap look without a lock; the claim decides."""
    return bool(statement.rows(ANY_QUEUED, queues=list(queues)))


def best(queues: Sequence[str], most: int) -> list[Candidate]:
    """The first `most` queued jobs, the best first."""
    return [Candidate(*row) for row in statement.rows(BEST, queues=list(queues), most=most)]


def alive() -> list[statement.Row]:
    """Jobs that hold processes, counted by what limits look at: one of them, these columns, and their number."""
    return statement.rows(ALIVE)


def claim(chosen: Sequence[Candidate], at: datetime) -> list[Job]:
    """Make the jobs running, each with a new fence, in the order given; those that have changed since are left out."""
    keys = [(job.id, job.fence, job.version) for job in chosen]
    claimed = {job.pk: job for job in read(Job, statement.rows(CLAIM, chosen=keys, at=at))}
    return [claimed[job.id] for job in chosen if job.id in claimed]


def lock(ids: Sequence[int]) -> dict[int, Locked]:
    """Lock the rows in one order, so that two batches do not cross."""
    return {row[0]: Locked(*row) for row in statement.rows(LOCK, ids=list(ids))}


def complete(completions: Sequence[Completion], at: datetime) -> int:
    """How many running jobs became completed."""
    return statement.change_each(COMPLETE, [{**row._asdict(), "at": at} for row in completions])


def cancelling(ids: Sequence[int]) -> dict[int, float | None]:
    """Those that somebody asked to stop, with the seconds of grace that were given."""
    return dict(statement.rows(CANCELLING, ids=list(ids)))


def states_in_runs(run_ids: Sequence[str]) -> dict[str, set[JobStatus]]:
    """For each run, the states that any of its jobs is in."""
    return _collected(statement.rows(OF_RUNS, states=_STATES, run_ids=list(run_ids)))


def states_in_workstreams(ids: Sequence[int]) -> dict[int, set[JobStatus]]:
    return _collected(statement.rows(OF_WORKSTREAMS, states=_STATES, ids=list(ids)))


_STATES = [(status.value,) for status in JobStatus]


def _collected[Key](rows: Sequence[statement.Row]) -> dict[Key, set[JobStatus]]:
    found: dict[Key, set[JobStatus]] = {}
    for key, status in rows:
        found.setdefault(key, set()).add(JobStatus(status))
    return found
