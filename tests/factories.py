"""Rows for tests: each function fills what a status demands."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from jobs.models import Job, Run, StepAttempt, Workstream
from jobs.states import ATTEMPT_FINAL, FINAL, AttemptStatus, JobStatus

DIRECTORIES = itertools.count()

_numbers = itertools.count(1)


def make_document(**changes: Any) -> dict[str, Any]:
    """A valid document for the shell tool; `args`, `metadata` and other keys replace the defaults."""
    number = next(_numbers)
    args = changes.pop("args", ["-c", "print('hello')"])
    return {
        "job_id": f"job-{number:04}",
        "run_id": "run-1",
        "workstream_id": "ws-1",
        "tool": "shell",
        "command": {"exe": "python3", "args": args},
        "paths": {"repo_root": "/tmp"},
        **changes,
    }


def make_user(name: str = "mara", *, admin: bool = False, role: str = "") -> User:
    make = User.objects.create_superuser if admin else User.objects.create_user
    user = make(name, f"{name}@example.invalid", "correct horse")
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def make_run(run_id: str = "run-1", **fields: Any) -> Run:
    return Run.objects.get_or_create(run_id=run_id, defaults=fields)[0]


def make_workstream(ws_id: str = "ws-1", run_id: str = "run-1", **fields: Any) -> Workstream:
    return Workstream.objects.get_or_create(run=make_run(run_id), ws_id=ws_id, defaults=fields)[0]


def make_job(status: str = JobStatus.QUEUED, **fields: Any) -> Job:
    """A job row in `status`, without going through submit."""
    at: datetime = fields.pop("at", timezone.now())
    document = fields.pop("spec", None) or make_document()
    workstream = fields.pop("workstream", None) or make_workstream(document["workstream_id"], document["run_id"])
    fields.setdefault("finished_at", at if status in FINAL else None)
    fields.setdefault("queued_at", at)
    defaults = {
        "job_id": document["job_id"],
        "run": workstream.run,
        "workstream": workstream,
        "title": "Say hello",
        "spec": document,
        "paths": {"repo_root": "/tmp", "working_dir": "/tmp", "log_file": None, "error_report": None},
        "tool": document["tool"],
        "submitted_by": "mara",
        "claim_order": int(at.timestamp() * 1e6),
        "created_at": at,
        "updated_at": at,
        "repo_key": "",
        "tree_key": fields.get("repo_key", ""),
    }
    return Job.objects.create(status=status, **(defaults | fields))


def make_attempt(job: Job, status: str = AttemptStatus.COMPLETED, **fields: Any) -> StepAttempt:
    number = job.attempts_made + 1
    Job.objects.filter(pk=job.pk).update(attempts_made=number)
    job.attempts_made = number
    started = fields.pop("started_at", timezone.now() - timedelta(seconds=30))
    done = {"completed_at": started + timedelta(seconds=20)} if status in ATTEMPT_FINAL else {}
    defaults = {
        "run_id": job.run_id,
        "ws_id": job.workstream.ws_id,
        "step_name": job.tool,
        "number": number,
        "escalation_level": job.escalation_level,
        "fence": job.fence,
        "started_at": started,
        "result_json": {"job_id": job.job_id},
        "marker": f"{job.pk:08}-{number:08}-test",
        "log_dir": f"attempts/test/{job.pk}-{number}-{next(DIRECTORIES)}",  # a key may come again in another test
        "reason": "ok" if status == AttemptStatus.COMPLETED else "",
        **done,
    }
    return StepAttempt.objects.create(job=job, status=status, **(defaults | fields))
