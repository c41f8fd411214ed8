"""Upkeep: what each node asks once a second, also while nothing happens."""

from datetime import datetime
from typing import NamedTuple

from jobs.sql import statement


class Watched(NamedTuple):
    """What an observer has to know of an attempt that a worker runs."""

    id: int
    heartbeat: int
    host: str
    worker_pid: int
    worker_started: int


# Index attempt_alive: no more entries than attempts that run anywhere. Those without a worker were recorded by a program.
WATCHED = """
SELECT id, heartbeat, host, worker_pid, coalesce(worker_started, 0) FROM step_attempts
WHERE status = 'running' AND worker_pid IS NOT NULL
"""
# Indexes job_delayed and job_expiring: the first entry of each.
DUE = """
SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'retrying' AND not_before <= %(at)s),
    EXISTS (SELECT 1 FROM jobs WHERE expires_at IS NOT NULL AND expires_at <= %(at)s)
"""
HEARTBEAT = "UPDATE nodes SET heartbeat_at = %(at)s WHERE name = %(node)s"


def watched() -> list[Watched]:
    """The attempts that run under a worker."""
    return [Watched(*row) for row in statement.rows(WATCHED)]


def due(at: datetime) -> tuple[bool, bool]:
    """Whether a delayed job may start, and whether one has waited too long."""
    ((delayed, expired),) = statement.rows(DUE, at=at)
    return bool(delayed), bool(expired)


def heartbeat(node: str, at: datetime) -> None:
    """Note that the node lives."""
    statement.change(HEARTBEAT, at=at, node=node)
