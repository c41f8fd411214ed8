"""One request per operation, with rows for it to find."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.models import ErrorGroup, Event, Job, JobTemplate, Node
from jobs.services.accounts import tokens
from jobs.states import JobStatus
from tests.factories import make_attempt, make_document, make_job, make_workstream

COMMITTED = Path(__file__).parents[2] / "schema" / "openapi.json"
STATES = {
    "jobs_retry": JobStatus.FAILED,
    "jobs_escalate": JobStatus.FAILED,
    "jobs_release": JobStatus.QUARANTINED,
    "jobs_close": JobStatus.QUARANTINED,
    "jobs_review": JobStatus.REVIEW,
}
BODIES: dict[str, Any] = {
    "jobs_escalate": {"tool": "codex"},
    "jobs_review": {"verdict": "approve"},
    "tools_limit": {"limit": 3},
    "queues_limit": {"limit": 3},
}


def committed_document() -> Any:
    """The OpenAPI document as committed. A test compares it with the one that is served, which takes a second to make."""
    return json.loads(COMMITTED.read_text())


@dataclass
class Call:
    """An operation's address with its places filled, and its body."""

    method: str
    path: str
    body: Any


def call(operation_id: str, method: str, path: str, owner: User, repository: str = "/tmp") -> Call:
    body = BODIES.get(operation_id)
    if operation_id in ("jobs_submit", "jobs_check"):
        return Call(method, path, make_document(paths={"repo_root": repository}))
    if operation_id == "tokens_create":
        return Call(method, path, {"name": "new", "scopes": ["read"]})
    if operation_id == "templates_put":
        body = {"title": "T", "shared": True, "document": make_document(paths={"repo_root": repository})}
    # A run and a workstream are as hidden as the jobs in them.
    stream = make_workstream() if repository == "/tmp" else make_workstream("ws-hidden", "run-hidden")
    job = make_job(
        STATES.get(operation_id, JobStatus.QUEUED),
        submitter=owner,
        submitted_by=owner.username,
        repo_key=repository,
        workstream=stream,
    )
    if operation_id.startswith("jobs_log"):
        make_attempt(job)
        return Call(method, fill(path, job, owner) + ("?q=x" if path.endswith("search") else ""), None)
    if operation_id == "jobs_bulk":
        return Call(method, path, {"verb": "hold", "job_ids": [job.job_id]})
    return Call(method, fill(path, job, owner), body)


def fill(path: str, job: Job, owner: User) -> str:
    for place, value in places(path, job, owner).items():
        path = path.replace(place, str(value))
    return path


def places(path: str, job: Job, owner: User) -> dict[str, Any]:
    if "{attempt_id}" in path:
        return {"{attempt_id}": make_attempt(job).pk}
    if "{event_id}" in path:
        return {"{event_id}": Event.objects.create(event_type="job.test", job=job, run=job.run).pk}
    if "{signature}" in path:
        kind = ErrorGroup.objects.create(signature="a" * 32, tool="shell", category="crashed", message="m")
        make_attempt(job, error=kind)
        return {"{signature}": kind.signature}
    if "{worker_id}" in path:
        node = Node.objects.create(name=f"node-{job.pk}", host="h", pid=1, pid_started=1, stopped_at=timezone.now())
        return {"{worker_id}": node.pk}
    if "{token_id}" in path:
        return {"{token_id}": tokens.create(owner, f"of-{owner.pk}-{job.pk}", ["read"], by="test")[0].pk}
    if "{row_id}" in path:
        return {"{row_id}": job.workstream_id}
    if "{slug}" in path:
        document = {"tool": "shell", "workstream_id": "w", "command": {"exe": "python3"}}
        made = JobTemplate.objects.create(
            slug=f"of-{job.pk}", title="T", document=document, owner=owner, shared=True, repo_key=job.repo_key
        )
        return {"{slug}": made.slug}
    name = "shell" if "/tools/" in path else "default"
    return {"{job_id}": job.job_id, "{run_id}": job.run_id, "{name}": name}
