"""Attempts: how many a node has, their beats, their start and their end."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from jobs.sql import statement


class Previous(NamedTuple):
    id: int
    job_id: int
    step_name: str


# Index attempt_alive: no more entries than attempts that run anywhere.
BUSY = """
SELECT (SELECT count(*) FROM step_attempts WHERE status = 'running' AND node = %(node)s),
    EXISTS (SELECT 1 FROM nodes WHERE name = %(node)s AND draining)
"""
# Constraint attempt_number_once_per_job: the attempts of these jobs.
OF_JOBS = "SELECT id, job_id, step_name FROM step_attempts WHERE job_id IN (%(job_ids)s) ORDER BY job_id, number"
# The key of each.
BEAT = """
WITH held (id, fence, log_bytes) AS (VALUES %(held)s)
UPDATE step_attempts SET heartbeat = heartbeat + 1, lease_until = %(until)s, log_bytes = held.log_bytes
FROM held
WHERE step_attempts.id = held.id AND step_attempts.fence = held.fence AND step_attempts.status || '' = 'running'
RETURNING step_attempts.id, step_attempts.watched_until
"""
# The key of each. The old worker in the condition is the lock: of two that take over, one does.
TAKE_OVER = """
WITH held (id, fence, worker_pid, worker_started) AS (VALUES %(held)s)
UPDATE step_attempts SET heartbeat = heartbeat + 1, lease_until = %(until)s, worker_pid = %(pid)s,
    worker_started = %(started)s
FROM held
WHERE step_attempts.id = held.id AND step_attempts.fence = held.fence
    AND step_attempts.worker_pid = held.worker_pid AND step_attempts.worker_started = held.worker_started
    AND step_attempts.status || '' = 'running'
RETURNING step_attempts.id
"""
START = """
UPDATE step_attempts SET tool_pid = %(tool_pid)s, shim_pid = %(shim_pid)s, command = %(command)s,
    base_commit = %(base_commit)s
WHERE id = %(id)s AND fence = %(fence)s AND status || '' = 'running'
"""
COMPLETE = """
UPDATE step_attempts SET status = 'completed', reason = 'ok', completed_at = %(completed_at)s, verdict = %(verdict)s,
    usage = %(usage)s, head_commit = %(head_commit)s, lease_until = NULL, result_json = %(result_json)s,
    exit_code = %(exit_code)s, signal = %(signal)s, survivors = %(survivors)s, log_bytes = %(log_bytes)s,
    log_lines = %(log_lines)s, first_error_line = %(first_error_line)s
WHERE id = %(id)s AND fence = %(fence)s AND status || '' = 'running'
"""


def busy(node: str) -> tuple[int, bool]:
    """How many attempts the node has, and whether it is draining."""
    ((count, draining),) = statement.rows(BUSY, node=node)
    return count, bool(draining)


def latest(job_ids: Sequence[int]) -> dict[int, Previous]:
    """The newest attempt of each job that has one."""
    return {row[1]: Previous(*row) for row in statement.rows(OF_JOBS, job_ids=list(job_ids))}


def beat(held: Sequence[tuple[int, int, int]], until: datetime) -> dict[int, Any]:
    """Extend the leases of (id, fence, bytes of log); of those that were held, until when somebody watches."""
    return dict(statement.rows(BEAT, held=list(held), until=until))


def take_over(held: Sequence[tuple[int, int, int, int]], pid: int, started: int, until: datetime) -> set[int]:
    """Make this worker that of attempts (id, fence, old worker's pid and start time); the keys of those that it got."""
    return {row[0] for row in statement.rows(TAKE_OVER, held=list(held), pid=pid, started=started, until=until)}


def start(started: Sequence[Mapping[str, Any]]) -> int:
    """Note process ids, command (as JSON) and base commit of attempts that run."""
    return statement.change_each(START, started)


def complete(completions: Sequence[Mapping[str, Any]]) -> int:
    """How many running attempts became completed."""
    return statement.change_each(COMPLETE, completions)
