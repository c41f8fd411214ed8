"""`JobStateStore`: what programs read and write, and what is refused."""

import pytest

from adapters import JobResult
from jobs.errors import NotFound
from jobs.models import Event, StepAttempt
from jobs.store import JobStateStore

pytestmark = pytest.mark.django_db


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


def test_list_jobs_of_a_run() -> None:
    store = JobStateStore()
    for name in ("job-1", "job-2"):
        store.update_job_result(
            {"job_id": name, "run_id": "run-1", "workstream_id": "ws-1", "tool": "git"}, JobResult(0, "", 0.1, True)
        )
    lines = [f"{job['job_id']}: {job['status']}" for job in store.list_jobs("run-1")]
    assert lines == ["job-1: completed", "job-2: completed"]
    assert store.list_jobs("run-unknown") == []


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
