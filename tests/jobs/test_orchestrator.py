"""`Orchestrator`: runs a job file in this process, or puts it into the queue."""

import json
from pathlib import Path
from typing import Any

import pytest

import schema
from jobs.models import Job
from jobs.orchestrator import Orchestrator
from jobs.store import JobStateStore
from tests.factories import make_workstream

pytestmark = pytest.mark.django_db(transaction=True)
JOB_ID = "job-2025-11-21-001"


def shell_job(*args: str, **metadata: Any) -> dict[str, Any]:
    """The example for aider, but run by the shell tool."""
    command = {"exe": "python3", "args": list(args)}
    return {**schema.examples()["aider"], "tool": "shell", "command": command, "metadata": metadata}


@pytest.fixture
def job_file(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job file in the current directory, which is its repository."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "job.json"
    path.write_text(json.dumps(shell_job("-c", "print('all is well')")))
    return path


def test_the_orchestrator_runs_a_job_file(job_file: Path) -> None:
    orch = Orchestrator(state_store=JobStateStore())
    pieces: list[bytes] = []
    result = orch.run_job(str(job_file), on_output=pieces.append)
    assert (result.exit_code, result.success, result.status) == (0, True, "completed")
    assert result.duration_s > 0
    assert b"".join(pieces) == b"all is well\n"
    assert orch.get_job_status(JOB_ID) == "completed"
    assert (job_file.parent / "logs" / "job.log").read_bytes() == b"all is well\n"
    assert not (job_file.parent / "logs" / "job.error.json").exists()


def test_a_failing_job_leaves_an_error_report(job_file: Path) -> None:
    job_file.write_text(json.dumps(shell_job("-c", "raise SystemExit(3)", retry_policy="none")))
    result = Orchestrator().run_job(job_file)
    assert (result.exit_code, result.success, result.status) == (3, False, "failed")
    report = json.loads(Path(result.error_report_path).read_text())
    assert {key: report[key] for key in ("job_id", "tool", "exit_code", "category", "workstream_id")} == {
        "job_id": JOB_ID,
        "tool": "shell",
        "exit_code": 3,
        "category": "exit_code",
        "workstream_id": "ws-my-feature",
    }
    assert "3" in report["summary"] and report["details"]


def test_queue_job_leaves_it_to_a_cluster(job_file: Path) -> None:
    orch = Orchestrator()
    assert orch.queue_job(job_file) == JOB_ID
    assert orch.get_job_status(JOB_ID) == "queued"


def test_a_missing_run_and_a_missing_workstream_are_created(job_file: Path) -> None:
    document = {**schema.examples()["aider"], "run_id": "run-never-seen", "workstream_id": "ws-never-seen"}
    Orchestrator().queue_job(document)
    job = Job.objects.get()
    assert (job.run_id, job.workstream.ws_id) == ("run-never-seen", "ws-never-seen")
    assert make_workstream("ws-never-seen", "run-never-seen").pk == job.workstream_id
