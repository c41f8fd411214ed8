"""External runs: jobs that a program ran by itself enter the same tables and states, without a worker."""

from typing import Any

from adapters import JobResult
from jobs import db
from jobs.errors import NotFound
from jobs.models import Job, Run, StepAttempt
from jobs.services.core import events
from jobs.services.core.sanitize import storable, text
from jobs.services.core.transitions import move
from jobs.services.submission.submit import ensure_run, ensure_workstream, refuse_locked, title_of
from jobs.states import AttemptStatus, JobStatus, RunStatus

KNOWN = {"completed": JobStatus.COMPLETED, "timeout": JobStatus.TIMEOUT, "cancelled": JobStatus.CANCELLED}
BY = "program"


def set_run_status(run_id: str, status: RunStatus) -> None:
    """What a program says of a run holds until its jobs say otherwise."""
    at, ended = db.now(), status not in (RunStatus.PENDING, RunStatus.RUNNING)
    with db.atomic():
        run = Run.objects.select_for_update().filter(run_id=run_id).first()
        if run is None:
            raise NotFound(f"Run {run_id} does not exist.")
        run.status, run.updated_at, run.completed_at = status, at, at if ended else None
        if status != RunStatus.PENDING:
            run.started_at = run.started_at or at
        run.save(update_fields=["status", "updated_at", "completed_at", "started_at"])
        events.record("run.status", run_id=run_id, by=BY, new=status.value)


def mark_running(document: dict[str, Any]) -> StepAttempt:
    """Open an attempt that nobody here runs: it has no worker, so the node monitor leaves it alone."""
    with db.atomic():
        job = Job.objects.select_for_update().filter(job_id=document["job_id"]).first() or _create(document)
        if job.status == JobStatus.RUNNING:
            return job.attempts.get(status=AttemptStatus.RUNNING)
        if job.is_final:
            move(job, JobStatus.QUEUED, by=BY)
        number = job.attempts_made + 1
        move(
            job,
            JobStatus.RUNNING,
            by=BY,
            payload={"attempt": number},
            fence=job.fence + 1,
            attempts_made=number,
            started_at=job.started_at or db.now(),
        )
        return StepAttempt.objects.create(
            run_id=job.run_id,
            ws_id=job.workstream.ws_id,
            step_name=job.tool,
            job=job,
            number=number,
            fence=job.fence,
            cause="recorded",
            result_json={"job_id": job.job_id},
            marker="",
        )


def let_go(job: Job) -> bool:
    """Close the attempt that a program runs: nobody here can stop it, so nobody waits for it. False if it is a worker's."""
    own = job.attempts.alive().filter(worker_pid__isnull=True)
    return bool(own.update(status=AttemptStatus.CANCELLED, completed_at=db.now(), reason="cancelled"))


def record_result(document: dict[str, Any], result: JobResult) -> None:
    """Close the job with what the program says; opens it first if it was never marked running."""
    with db.atomic():
        attempt = mark_running(document)
        job = attempt.job
        status = KNOWN.get(result.status) or (JobStatus.COMPLETED if result.success else JobStatus.FAILED)
        reason = result.reason[:20] or ("ok" if result.success else "exit_code")
        summary = text(result.summary)
        said = {
            "job_id": job.job_id,
            "exit_code": result.exit_code,
            "error_report_path": result.error_report_path,
            "duration_s": result.duration_s,
            "success": result.success,
            "status": status.value,
            "reason": reason,
            "summary": result.summary,
        }
        StepAttempt.objects.filter(pk=attempt.pk).update(
            status=AttemptStatus(status.value),
            completed_at=db.now(),
            result_json=storable(said),
            reason=reason,
            exit_code=result.exit_code,
        )
        job.refresh_from_db()
        move(job, status, by=BY, payload={"attempt": attempt.number}, reason=reason, summary=summary[:500])


def _create(document: dict[str, Any]) -> Job:
    run = ensure_run(document["run_id"])
    workstream = ensure_workstream(run, document["workstream_id"])
    refuse_locked(workstream.ws_id)
    at = db.now()
    job = Job.objects.create(
        job_id=document["job_id"],
        run=run,
        workstream=workstream,
        title=title_of(document),
        spec=document,
        tool=document["tool"],
        status=JobStatus.QUEUED,
        queue="program",
        submitted_by=BY,
        created_at=at,
        queued_at=at,
        updated_at=at,
    )
    events.record("job.submitted", job=job, by=BY, tool=job.tool)
    return job
