"""Everything in the Quick Reference works, with its own words. Import paths are the new ones: see the table in the README."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import schema
from adapters import JobResult
from adapters.base import Adapter, ToolAdapter
from adapters.registry import TOOL_RUNNERS
from jobs.errors import NotFound
from jobs.models import Event, Job, StepAttempt
from jobs.orchestrator import Orchestrator
from jobs.store import JobStateStore
from tests.factories import make_workstream

REFERENCE_JOB: dict[str, Any] = {
    "job_id": "job-2025-11-21-001",
    "run_id": "run-2025-11-21",
    "workstream_id": "ws-my-feature",
    "tool": "aider",
    "command": {"exe": "aider", "args": ["--message", "Fix the bug"]},
    "env": {"OLLAMA_API_BASE": "http://127.0.0.1:11434"},
    "paths": {
        "repo_root": ".",
        "working_dir": ".",
        "log_file": "logs/job.log",
        "error_report": "logs/job.error.json",
    },
    "metadata": {"timeout_seconds": 600, "retry_policy": "escalate_to_codex"},
}


@pytest.fixture
def job_file(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell job in a directory of its own, where one stands."""
    monkeypatch.chdir(tmp_path)
    document = {**REFERENCE_JOB, "tool": "shell", "command": {"exe": "python3", "args": ["-c", "print('all is well')"]}}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(document))
    return path


def test_the_job_file_is_valid_as_it_stands() -> None:
    assert schema.check(REFERENCE_JOB, tools=sorted(TOOL_RUNNERS)).ok
    assert schema.examples()["aider"] == REFERENCE_JOB


@pytest.mark.django_db
def test_basic_operations() -> None:
    store = JobStateStore()
    run_id = store.create_run("ws-my-feature", metadata={"version": "1.0"})
    run = store.get_run(run_id)
    assert run is not None
    assert run["status"] == "pending"
    assert run["metadata"] == {"version": "1.0"}
    store.update_run_status(run_id, "running")
    recent = store.list_recent_runs(limit=10)
    assert [(row["run_id"], row["status"]) for row in recent] == [(run_id, "running")]
    assert store.get_run("run-that-is-not") is None
    with pytest.raises(NotFound, match="Run nowhere does not exist"):
        store.update_run_status("nowhere", "running")
    with pytest.raises(ValueError, match="dancing"):
        store.update_run_status(run_id, "dancing")


@pytest.mark.django_db
def test_job_tracking() -> None:
    store = JobStateStore()
    run_id = store.create_run("ws-my-feature")
    result = JobResult(exit_code=0, error_report_path="logs/error.json", duration_s=45.2, success=True)
    job_dict = {"job_id": "job-001", "run_id": run_id, "workstream_id": "ws-my-feature", "tool": "aider"}
    store.update_job_result(job_dict, result)
    assert store.get_job_status("job-001") == "completed"
    job = store.get_job("job-001")
    assert job is not None
    assert (job["result"]["job_id"], job["result"]["duration_s"]) == ("job-001", 45.2)
    assert store.get_job_status("job-002") == "not_found"
    assert store.get_job("job-002") is None


@pytest.mark.django_db
def test_a_job_marked_running_is_running_until_its_result_comes() -> None:
    store = JobStateStore()
    job = {"job_id": "job-1", "run_id": "run-new", "workstream_id": "ws-new", "tool": "aider"}
    store.mark_job_running(job)
    store.mark_job_running(job)
    assert store.get_job_status("job-1") == "running"
    assert StepAttempt.objects.count() == 1
    store.update_job_result(job, JobResult(1, "logs/e.json", 3.0, False, status="timeout"))
    assert store.get_job_status("job-1") == "timeout"
    store.update_job_result(job, JobResult(0, "", 1.0, True))  # tried again by its program
    assert store.get_job_status("job-1") == "completed"
    assert [row.status for row in StepAttempt.objects.order_by("number")] == ["timeout", "completed"]


@pytest.mark.django_db
def test_list_jobs_of_a_run() -> None:
    store = JobStateStore()
    for name in ("job-1", "job-2"):
        store.update_job_result(
            {"job_id": name, "run_id": "run-1", "workstream_id": "ws-1", "tool": "git"}, JobResult(0, "", 0.1, True)
        )
    lines = [f"{job['job_id']}: {job['status']}" for job in store.list_jobs("run-1")]
    assert lines == ["job-1: completed", "job-2: completed"]
    assert store.list_jobs("run-unknown") == []


@pytest.mark.django_db
def test_workstreams_and_events() -> None:
    store = JobStateStore()
    run_id = store.create_run("ws-1")
    assert [row["ws_id"] for row in store.list_workstreams(run_id)] == ["ws-1"]
    stream = store.get_workstream("ws-1")
    assert stream is not None and stream["run_id"] == run_id and not stream["locked"]
    assert store.get_workstream("ws-none") is None
    store.record_event("job_started", run_id=run_id, ws_id="ws-1", payload={"job_id": "job-1"})
    event = Event.objects.get(event_type="job_started")
    assert (event.run_id, event.ws_id, event.payload_json) == (run_id, "ws-1", {"job_id": "job-1"})


@pytest.mark.django_db(transaction=True)
def test_the_orchestrator_runs_a_job_file(job_file: Path) -> None:
    store = JobStateStore()
    orch = Orchestrator(state_store=store)
    heard: list[bytes] = []
    result = orch.run_job(str(job_file), on_output=heard.append)
    assert (result.exit_code, result.success, result.status) == (0, True, "completed")
    assert result.duration_s > 0
    assert b"".join(heard) == b"all is well\n"
    assert orch.get_job_status("job-2025-11-21-001") == "completed"
    assert (job_file.parent / "logs" / "job.log").read_bytes() == b"all is well\n"
    assert not (job_file.parent / "logs" / "job.error.json").exists()


@pytest.mark.django_db(transaction=True)
def test_a_failing_job_leaves_an_error_report(job_file: Path) -> None:
    document = json.loads(job_file.read_text())
    document["command"]["args"] = ["-c", "import sys; print('boom'); sys.exit(3)"]
    document["metadata"]["retry_policy"] = "none"
    job_file.write_text(json.dumps(document))
    result = Orchestrator().run_job(job_file)
    assert (result.exit_code, result.success, result.status) == (3, False, "failed")
    report = json.loads(Path(result.error_report_path).read_text())
    assert {key: report[key] for key in ("job_id", "tool", "exit_code", "category", "workstream_id")} == {
        "job_id": "job-2025-11-21-001",
        "tool": "shell",
        "exit_code": 3,
        "category": "exit_code",
        "workstream_id": "ws-my-feature",
    }
    assert "3" in report["summary"] and report["details"]


@pytest.mark.django_db(transaction=True)
def test_queue_job_leaves_it_to_a_cluster(job_file: Path) -> None:
    orch = Orchestrator()
    assert orch.queue_job(job_file) == "job-2025-11-21-001"
    assert orch.get_job_status("job-2025-11-21-001") == "queued"


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_store_of_its_own_file(job_file: Path, tmp_path: Path) -> None:
    """Run in a process of its own, as a user's script is."""
    script = (
        "from jobs.orchestrator import Orchestrator\n"
        "from jobs.store import JobStateStore\n"
        "test_store = JobStateStore(db_path='state/test.db')\n"
        "orch = Orchestrator(state_store=test_store)\n"
        "result = orch.run_job('job.json')\n"
        "print(result.success, test_store.get_job_status('job-2025-11-21-001'),"
        " JobStateStore().get_job_status('job-2025-11-21-001'))\n"
    )
    root = Path(__file__).resolve().parent.parent
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(tmp_path / "data"),
        "ENGINE_ROOTS": str(tmp_path),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": "python3",
    }
    environment.pop("DATABASE_URL", None)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["True completed not_found"], done.stderr

    # Both SQL queries, pasted as they stand.
    with closing(sqlite3.connect(tmp_path / "state" / "test.db")) as database:
        by_id = database.execute(
            "SELECT * FROM step_attempts \nWHERE json_extract(result_json, '$.job_id') = 'job-2025-11-21-001';"
        ).fetchall()
        by_run = database.execute(
            "SELECT * FROM step_attempts \nWHERE run_id = 'run-2025-11-21'\nORDER BY started_at DESC;"
        ).fetchall()
        assert len(by_id) == 1 and by_run == by_id
        columns = {row[1] for row in database.execute("PRAGMA table_info(step_attempts)")}
        assert {"id", "run_id", "ws_id", "step_name", "status", "started_at", "completed_at", "result_json"} <= columns
        row = database.execute("SELECT step_name, status, ws_id FROM step_attempts").fetchone()
        assert row == ("shell", "completed", "ws-my-feature")
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        assert {"runs", "workstreams", "step_attempts", "events", "errors"} <= tables


class MyToolAdapter:
    """The reference's template, to the letter but for its subprocess."""

    def run_job(self, job: dict[str, Any]) -> JobResult:
        began = time.monotonic()
        done = subprocess.run([job["command"]["exe"], *job["command"]["args"]], capture_output=True)
        return JobResult(
            exit_code=done.returncode,
            error_report_path=job["paths"]["error_report"],
            duration_s=time.monotonic() - began,
            success=(done.returncode == 0),
        )

    def validate_job(self, job: dict[str, Any]) -> bool:
        return job.get("tool") == "mytool"

    def get_tool_info(self) -> dict[str, Any]:
        return {"tool": "mytool", "capabilities": ["capability1", "capability2"]}


def test_the_adapter_template_works_as_written() -> None:
    job = {**REFERENCE_JOB, "tool": "mytool", "command": {"exe": sys.executable, "args": ["-c", "pass"]}}
    adapter = MyToolAdapter()
    assert adapter.validate_job(job)
    assert adapter.run_job(job).success
    assert adapter.get_tool_info()["capabilities"]


@pytest.mark.parametrize("tool", ["aider", "codex", "claude", "gemini", "opencode", "tests", "git", "shell"])
def test_every_tool_has_its_runner_and_info(tool: str) -> None:
    import adapters

    assert TOOL_RUNNERS[tool] is getattr(adapters, f"run_{tool}_job")
    adapter = adapters.get(tool)
    assert isinstance(adapter, Adapter) and isinstance(adapter, ToolAdapter)
    assert adapter.get_tool_info()["tool"] == tool
    assert adapter.validate_job(schema.examples()[tool])
    assert not adapter.validate_job({**schema.examples()[tool], "tool": "another"})


@pytest.mark.django_db
def test_no_foreign_key_trouble_when_run_and_workstream_are_missing(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = {**REFERENCE_JOB, "run_id": "run-never-seen", "workstream_id": "ws-never-seen"}
    Orchestrator().queue_job(document)
    job = Job.objects.get()
    assert (job.run_id, job.workstream.ws_id) == ("run-never-seen", "ws-never-seen")
    assert make_workstream("ws-never-seen", "run-never-seen").pk == job.workstream_id
