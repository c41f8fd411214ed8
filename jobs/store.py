"""`JobStateStore`: read and write the state from a program, with the calls and shapes of the Quick Reference."""

from jobs import boot  # isort: skip  # Django first
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections

from adapters import JobResult
from jobs import db
from jobs.errors import NotFound
from jobs.models import Event, Job, Run, StepAttempt, Workstream
from jobs.services.core.events import record as record_event
from jobs.services.outcome import external_runs
from jobs.services.submission.submit import ensure_run, ensure_workstream
from jobs.sqlite import database
from jobs.states import RunStatus

__all__ = ["JobStateStore", "boot", "result_of"]


class JobStateStore:
    """The default database, or with `db_path` a SQLite file of its own, made if it is missing."""

    def __init__(self, db_path: str | os.PathLike[str] | None = None) -> None:
        self.alias = _alias_for(Path(db_path).absolute()) if db_path else "default"
        with self._here():
            if Run._meta.db_table not in db.connection().introspection.table_names():
                call_command("migrate", database=self.alias, verbosity=0, interactive=False)

    @contextmanager
    def _here(self) -> Iterator[None]:
        with db.using(self.alias):
            yield

    # --- Runs ---------------------------------------------------------------------------------------------------------
    def create_run(
        self, ws_id: str | None = None, metadata: Mapping[str, Any] | None = None, run_id: str | None = None
    ) -> str:
        """Make a run (and its workstream `ws_id`); its run_id."""
        with self._here(), db.atomic():
            name = run_id or f"run-{db.now():%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"
            run = ensure_run(name, metadata_json=dict(metadata or {}))
            if ws_id:
                ensure_workstream(run, ws_id)
            return run.run_id

    def get_run(self, run_id: str) -> dict[str, Any] | None:
        with self._here():
            run = Run.objects.filter(run_id=run_id).first()
            return _run(run) if run else None

    def update_run_status(self, run_id: str, status: str) -> None:
        """Raises ValueError for an unknown status, NotFound for an unknown run."""
        with self._here():
            external_runs.set_run_status(run_id, RunStatus(status))

    def list_recent_runs(self, limit: int = 10) -> list[dict[str, Any]]:
        with self._here():
            return [_run(run) for run in Run.objects.order_by("-id")[:limit]]

    # --- Jobs ---------------------------------------------------------------------------------------------------------
    def mark_job_running(self, job: Mapping[str, Any]) -> None:
        """Record that a program runs this job itself; run, workstream and job are made if they are missing."""
        with self._here():
            external_runs.mark_running(dict(job))

    def update_job_result(self, job: Mapping[str, Any], result: JobResult) -> None:
        """Record how a job that a program ran itself has ended."""
        with self._here():
            external_runs.record_result(dict(job), result)

    def get_job(self, job_id: str) -> dict[str, Any] | None:
        with self._here():
            job = Job.objects.select_related("workstream").filter(job_id=job_id).first()
            return _job(job) if job else None

    def get_job_status(self, job_id: str) -> str:
        """The job's status, or "not_found"."""
        with self._here():
            return Job.objects.filter(job_id=job_id).values_list("status", flat=True).first() or "not_found"

    def list_jobs(self, run_id: str) -> list[dict[str, Any]]:
        """The run's jobs in the order of their submission."""
        with self._here():
            return [_job(job) for job in Job.objects.select_related("workstream").filter(run_id=run_id).order_by("id")]

    # --- Workstreams and events ---------------------------------------------------------------------------------------
    def list_workstreams(self, run_id: str | None = None) -> list[dict[str, Any]]:
        with self._here():
            rows = Workstream.objects.order_by("id")
            return [_workstream(row) for row in (rows.filter(run_id=run_id) if run_id else rows)]

    def get_workstream(self, ws_id: str, run_id: str | None = None) -> dict[str, Any] | None:
        """The workstream of that run, or the newest of that name."""
        with self._here():
            rows = Workstream.objects.filter(ws_id=ws_id, **({"run_id": run_id} if run_id else {}))
            row = rows.order_by("-id").first()
            return _workstream(row) if row else None

    def record_event(
        self,
        event_type: str,
        run_id: str | None = None,
        ws_id: str | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> int:
        """Append an event; its id. Raises NotFound for an unknown run."""
        with self._here(), db.atomic():
            if run_id and not Run.objects.filter(run_id=run_id).exists():
                raise NotFound(f"Run {run_id} does not exist.")
            event: Event = record_event(
                event_type, run_id=run_id, ws_id=ws_id or "", by="program", **dict(payload or {})
            )
            return event.pk


def result_of(job: Job) -> JobResult:
    """The latest attempt's end as a program sees it."""
    attempt = job.latest_attempt()
    said = attempt.result_json if attempt else {}
    return JobResult(
        exit_code=said.get("exit_code"),
        error_report_path=said.get("error_report_path") or job.paths.get("error_report") or "",
        duration_s=said.get("duration_s", 0.0),
        success=bool(said.get("success")),
        status=job.status,
        reason=job.reason,
        summary=job.summary,
        log_path=str(attempt.directory / "output.log") if attempt and attempt.log_dir else "",
    )


def _alias_for(path: Path) -> str:
    alias = f"file:{path}"
    if alias not in connections.settings:
        path.parent.mkdir(parents=True, exist_ok=True)
        connections.settings[alias] = {**connections.settings["default"], **database(str(path)), "USER": "", "HOST": ""}
    return alias


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "title": run.title,
        "metadata": run.metadata_json,
        "created_at": _text(run.created_at),
        "started_at": _text(run.started_at),
        "completed_at": _text(run.completed_at),
    }


def _workstream(row: Workstream) -> dict[str, Any]:
    return {
        "ws_id": row.ws_id,
        "run_id": row.run_id,
        "status": row.status,
        "depends_on": row.depends_on,
        "locked": row.locked,
        "metadata": row.metadata_json,
        "created_at": _text(row.created_at),
    }


def _job(job: Job) -> dict[str, Any]:
    attempt: StepAttempt | None = job.latest_attempt()
    return {
        "job_id": job.job_id,
        "run_id": job.run_id,
        "workstream_id": job.workstream.ws_id,
        "ws_id": job.workstream.ws_id,
        "tool": job.tool,
        "step_name": job.tool,
        "status": job.status,
        "reason": job.reason,
        "summary": job.summary,
        "attempts": job.attempts_made,
        "created_at": _text(job.created_at),
        "started_at": _text(job.started_at),
        "completed_at": _text(job.finished_at),
        "result": attempt.result_json if attempt else None,
        "spec": job.spec,
    }
