"""Response types: the fields that programs use most; schema/openapi.json has all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict


class Attempt(TypedDict):
    id: int
    number: int
    tool: str
    status: str
    reason: str
    summary: str
    started_at: str
    completed_at: str | None
    duration_s: float
    exit_code: int | None
    log_bytes: int
    log_lines: int


class Job(TypedDict, total=False):
    job_id: str
    run_id: str
    workstream_id: str
    title: str
    tool: str
    status: str
    reason: str
    summary: str
    priority: str
    queue: str
    attempts_made: int
    submitted_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    spec: dict[str, Any]
    waiting: dict[str, str] | None
    attempts: list[Attempt]


class Run(TypedDict, total=False):
    run_id: str
    title: str
    status: str
    created_at: str
    completed_at: str | None
    jobs: dict[str, int]


class ErrorGroup(TypedDict, total=False):
    signature: str
    tool: str
    category: str
    message: str
    count: int
    state: str
    last_seen_at: str


class Event(TypedDict, total=False):
    id: int
    timestamp: str
    event_type: str
    actor: str
    job_id: str | None
    run_id: str | None
    payload: dict[str, Any]


class Bulk(TypedDict):
    verb: str
    dry_run: bool
    done: int
    refused: int
    results: list[dict[str, Any]]


@dataclass(frozen=True)
class Message:
    """One message of a stream: `attempt`, `lines` or `end` of a log, or an event's type."""

    event: str
    id: str
    data: Any
