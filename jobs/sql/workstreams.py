"""Workstreams: found, made, and their status, which follows their jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from jobs import db
from jobs.models import Workstream
from jobs.sql import statement
from jobs.sql.model_rows import insert
from jobs.states import RunStatus

NAMES = ["id", "ws_id", "run_id", "status"]

# Constraint workstream_once_per_run, and index workstream_locked: a lock holds for the name in every run.
KNOWN = """
SELECT id, ws_id, run_id, status, locked FROM workstreams WHERE run_id IN (%(run_ids)s) AND ws_id IN (%(ws_ids)s)
UNION SELECT id, ws_id, run_id, status, locked FROM workstreams WHERE locked AND ws_id IN (%(ws_ids)s)
"""
# The key of each.
BY_KEY = "SELECT id, ws_id, run_id, status FROM workstreams WHERE id IN (%(ids)s)"
BEGIN = """
UPDATE workstreams SET status = 'running', updated_at = %(at)s
WHERE id IN (SELECT id FROM workstreams WHERE id IN (%(ids)s) AND status || '' <> 'running' ORDER BY id FOR UPDATE)
"""
FOLLOW = "UPDATE workstreams SET status = %(status)s, updated_at = %(at)s WHERE id = %(id)s AND status <> %(status)s"


def known(run_ids: Sequence[str], ws_ids: Sequence[str]) -> list[Workstream]:
    """Those of these names in these runs, and in whatever run one of these names is locked."""
    return _partly_read([*NAMES, "locked"], statement.rows(KNOWN, run_ids=list(run_ids), ws_ids=list(ws_ids)))


def create(names: Sequence[tuple[str, str]]) -> None:
    """Make the (run, name) that are missing."""
    rows = [Workstream(run_id=run_id, ws_id=ws_id) for run_id, ws_id in sorted(names)]
    insert(rows, conflict="ON CONFLICT (run_id, ws_id) DO NOTHING", returning="")


def named(ids: Sequence[int]) -> dict[int, Workstream]:
    """By key."""
    return {row.pk: row for row in _partly_read(NAMES, statement.rows(BY_KEY, ids=list(ids)))}


def begin(ids: Sequence[int], at: datetime) -> None:
    """A job of each is running."""
    statement.change(BEGIN, ids=list(ids), at=at)


def _partly_read(fields: Sequence[str], rows: Sequence[statement.Row]) -> list[Workstream]:
    """Other columns are read when somebody asks for one."""
    return [Workstream.from_db(db.alias(), fields, row) for row in rows]


def follow(statuses: Mapping[int, RunStatus], at: datetime) -> None:
    """Give each workstream another status."""
    each = [{"id": pk, "status": status.value, "at": at} for pk, status in sorted(statuses.items())]
    if each:
        statement.change_each(FOLLOW, each)
