"""Runs: their status follows their jobs. Always locked in the order of their names, so that two batches do not cross."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from jobs.models import Run
from jobs.sql import statement
from jobs.sql.model_rows import insert
from jobs.states import RunStatus

# The unique index of run_id, in every statement.
BEGIN = """
UPDATE runs SET status = 'running', updated_at = %(at)s, started_at = COALESCE(started_at, %(at)s), completed_at = NULL
WHERE run_id IN (
    SELECT run_id FROM runs WHERE run_id IN (%(run_ids)s) AND status || '' <> 'running' ORDER BY run_id FOR UPDATE
)
"""
LOCK = "SELECT run_id, status FROM runs WHERE run_id IN (%(run_ids)s) ORDER BY run_id FOR UPDATE"
FOLLOW = """
UPDATE runs SET status = %(status)s, updated_at = %(at)s, started_at = COALESCE(started_at, %(at)s),
    completed_at = %(completed_at)s
WHERE run_id = %(run_id)s AND status <> %(status)s
"""


def create(run_ids: Sequence[str]) -> list[str]:
    """Make the runs that are missing; their names. One that another process makes at this moment is not among them."""
    rows = [Run(run_id=run_id) for run_id in sorted(run_ids)]
    return [row[0] for row in insert(rows, conflict="ON CONFLICT (run_id) DO NOTHING", returning="run_id")]


def begin(run_ids: Sequence[str], at: datetime) -> None:
    """A job of each is running."""
    statement.change(BEGIN, run_ids=list(run_ids), at=at)


def lock(run_ids: Sequence[str]) -> dict[str, RunStatus]:
    """Their statuses. Of two jobs of a run that end at once, the second sees the first's end; else neither would be last."""
    return {run_id: RunStatus(status) for run_id, status in statement.rows(LOCK, run_ids=list(run_ids))}


def follow(statuses: Mapping[str, RunStatus], at: datetime) -> None:
    """Give each run another status."""
    ended = {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
    each = [
        {"run_id": run_id, "status": status.value, "at": at, "completed_at": at if status in ended else None}
        for run_id, status in sorted(statuses.items())
    ]
    if each:
        statement.change_each(FOLLOW, each)
