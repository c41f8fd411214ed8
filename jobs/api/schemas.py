"""How jobs, attempts and events look in an answer; the command line shows the same shapes."""

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from jobs.access import Actor
from jobs.api.auth import actor
from jobs.models import Event, Job, StepAttempt
from jobs.services.reading import one_job
from jobs.services.reading.redaction import shown_document
from jobs.services.reading.viewer import Viewer
from jobs.services.reading.wait_reasons import WaitReason, for_jobs
from jobs.services.submission import tool_permissions
from jobs.states import WaitType


def viewer_of(context: Any) -> Viewer:
    """Who asks: the caller of the API, or what a command on the host gives as `viewer`."""
    viewer: Viewer = context["viewer"] if "viewer" in context else actor(context["request"])
    return viewer


class JobOut(Schema):
    """One submitted job."""

    job_id: str = Field(examples=["job-2025-11-21-001"])
    run_id: str
    workstream_id: str
    title: str
    tool: str
    status: str = Field(examples=["running"])
    reason: str = Field(description="why it is in this state, in one word")
    summary: str = Field(description="the same in one sentence")
    priority: str
    queue: str
    repository: str
    attempts_made: int
    escalation_level: int = Field(description="0 for the job's own tool, 1 for the first tool it was escalated to")
    on_hold: bool
    submitted_by: str
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    not_before: datetime | None
    expires_at: datetime | None
    updated_at: datetime
    version: int

    @staticmethod
    def resolve_workstream_id(job: Job) -> str:
        return job.workstream.ws_id

    @staticmethod
    def resolve_repository(job: Job) -> str:
        return job.repo_key


class AttemptOut(Schema):
    """One execution of a job by one tool."""

    id: int
    job_id: str
    run_id: str
    workstream_id: str
    number: int
    tool: str
    status: str
    reason: str
    summary: str
    rule: str = Field(description="the rule that decided the reason")
    cause: str = Field(description="why this attempt was made")
    escalation_level: int
    started_at: datetime
    completed_at: datetime | None
    duration_s: float
    exit_code: int | None
    signal: int | None
    command: list[str]
    usage: dict[str, Any]
    told: str = Field(description="the prompt that it was given in place of the document's, when it took over")
    node: str
    survivors: int | None = Field(description="processes that outlived the end; 0 is proof that none did")
    log_bytes: int
    log_lines: int
    first_error_line: int | None
    base_commit: str
    head_commit: str
    error: str | None = Field(description="signature of its error group")

    @staticmethod
    def resolve_job_id(attempt: StepAttempt) -> str:
        return attempt.job.job_id

    @staticmethod
    def resolve_workstream_id(attempt: StepAttempt) -> str:
        return attempt.ws_id

    @staticmethod
    def resolve_tool(attempt: StepAttempt) -> str:
        return attempt.step_name

    @staticmethod
    def resolve_summary(attempt: StepAttempt) -> str:
        return str(attempt.verdict.get("summary", ""))

    @staticmethod
    def resolve_rule(attempt: StepAttempt) -> str:
        return str(attempt.verdict.get("rule", ""))

    @staticmethod
    def resolve_told(attempt: StepAttempt) -> str:
        return one_job.told(attempt.handoff)

    @staticmethod
    def resolve_error(attempt: StepAttempt) -> str | None:
        return attempt.error.signature if attempt.error else None


class AddedOut(Schema):
    """What Engine adds to the command of a tool so that it may, or may not, act without asking."""

    tool: str
    permissions: str = Field(examples=["edit"], description="read, own, edit or full")
    arguments: list[str]
    sentence: str
    trouble: str = Field(description="why the tool cannot work on the host that answers; empty if nothing is known")


class WaitingOut(Schema):
    """Why a job has not started."""

    type: WaitType
    sentence: str


class JobDetail(JobOut):
    """One job with its document, its attempts and the reason for which it waits."""

    spec: dict[str, Any] = Field(description="the document; values of `env` are hidden unless `public_env` names them")
    paths: dict[str, str | None]
    depends_on: list[str]
    waiting: WaitingOut | None
    adds: list[AddedOut]
    attempts: list[AttemptOut]

    @staticmethod
    def resolve_spec(job: Job) -> dict[str, Any]:
        return shown_document(job.spec)

    @staticmethod
    def resolve_depends_on(job: Job) -> list[str]:
        return one_job.depends_on(job)

    @staticmethod
    def resolve_waiting(job: Job, context: Any) -> WaitReason | None:
        return for_jobs([job], titles_for=viewer_of(context)).get(job.pk)

    @staticmethod
    def resolve_adds(job: Job) -> list[tool_permissions.Added]:
        return list(tool_permissions.added_to(job.document(), tool_permissions.of_job(job)))

    @staticmethod
    def resolve_attempts(job: Job) -> list[StepAttempt]:
        return one_job.attempts(job)


class EventOut(Schema):
    """One thing that happened."""

    id: int
    timestamp: datetime
    event_type: str = Field(examples=["job.completed"])
    actor: str
    via: str = Field(description="page, api or admin, or the token or command that asked; empty for Engine itself")
    address: str | None = Field(description="where they came from; told to operators alone")
    run_id: str | None
    workstream_id: str
    job_id: str | None
    payload: dict[str, Any]

    @staticmethod
    def resolve_address(event: Event, context: Any) -> str | None:
        viewer = viewer_of(context)
        return event.address if isinstance(viewer, Actor) and viewer.may("operate") else None

    @staticmethod
    def resolve_workstream_id(event: Event) -> str:
        return event.ws_id

    @staticmethod
    def resolve_job_id(event: Event) -> str | None:
        found = event.payload_json.get("job_id")
        return str(found) if found else None

    @staticmethod
    def resolve_payload(event: Event) -> dict[str, Any]:
        return {name: value for name, value in event.payload_json.items() if name != "job_id"}
