"""One job, and what belongs to it, as every interface shows it."""

from collections.abc import Mapping
from typing import Any

from jobs import db
from jobs.models import ErrorGroup, Job, StepAttempt, Workstream
from jobs.services.core.statement import Statement, partial


def find(job_id: str) -> Job | None:
    """The job with its workstream."""
    for job, (ws_id,) in _JOB.rows(job_id):
        job.workstream = partial(Workstream, id=job.workstream_id, ws_id=ws_id)
        return job
    return None


def attempts(job: Job) -> list[StepAttempt]:
    """The oldest first, each with its error's signature."""
    found = []
    for attempt, (signature,) in _ATTEMPTS.rows(job.pk):
        attempt.job = job
        if attempt.error_id is not None:
            attempt.error = partial(ErrorGroup, id=attempt.error_id, signature=signature)
        found.append(attempt)
    return found


def told(handoff: Mapping[str, Any]) -> str:
    """The prompt that an attempt was given instead of the document's own; empty where it had that one."""
    return str(handoff.get("told") or "")


def depends_on(job: Job) -> list[str]:
    """Names of what the job depends on, met or not: jobs by their ids, and workstreams."""
    with db.connection().cursor() as cursor:
        cursor.execute(_DEPENDENCIES, [job.pk])
        return [job_id or f"workstream {ws_id}" for job_id, ws_id in cursor.fetchall()]


_JOB = Statement(
    Job,
    "j",
    "SELECT {columns}, w.ws_id FROM jobs j JOIN workstreams w ON w.id = j.workstream_id WHERE j.job_id = %s",
)
_ATTEMPTS = Statement(
    StepAttempt,
    "a",
    """
    SELECT {columns}, e.signature FROM step_attempts a LEFT JOIN errors e ON e.id = a.error_id
    WHERE a.job_id = %s ORDER BY a.number
    """,
)
_DEPENDENCIES = """
    SELECT n.job_id, w.ws_id FROM job_dependencies d
    LEFT JOIN jobs n ON n.id = d.needs_id LEFT JOIN workstreams w ON w.id = d.needs_workstream_id
    WHERE d.job_id = %s ORDER BY d.id
"""
