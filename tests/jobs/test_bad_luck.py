"""What tools, rows, sockets and slow hosts can throw at an attempt: it ends all the same, once, and costs nobody else."""

import json
import math
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from adapters.process import KeeperPool, ShimError
from adapters.process.spec import EndedBy, Ending
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import InvalidDocument
from jobs.models import Job, StepAttempt
from jobs.queue import notifier
from jobs.services.accounts import secrets
from jobs.services.execution import runner
from jobs.services.execution.execute import execute
from jobs.services.maintenance.monitor import NodeMonitor
from jobs.services.maintenance.rescue import rescue
from jobs.services.operations import job_actions
from jobs.services.outcome import external_runs
from jobs.services.outcome import settle as settling
from jobs.services.outcome.settle import settle
from jobs.services.submission.submit import submit
from tests.factories import make_attempt, make_document, make_job
from tests.jobs.test_execute import SLEEPER, claim, document, meanwhile, ready, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AWAY_S", 0.05)


@pytest.mark.parametrize("to", ["tests", "shell", "git"])
def test_a_rung_that_cannot_take_the_job_over_ends_it(tmp_path: Path, to: str) -> None:
    job, attempt = run(document(tmp_path, ["-c", "raise SystemExit(3)"], retry_policy=f"escalate_to_{to}"))
    while job.status in ("queued", "retrying"):
        Job.objects.filter(pk=job.pk).update(status="queued", not_before=None)
        execute(claim())
        job.refresh_from_db()
        attempt.refresh_from_db()
    assert (job.status, attempt.status) in {("failed", "failed"), ("quarantined", "failed")}
    assert to in job.summary


def test_output_with_nul_bytes_is_settled(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.buffer.write(b'error: a\\0b \\xed\\xa0\\x80 \\xff\\n'); sys.exit(3)"
    job, _ = run(document(tmp_path, ["-c", code]))
    assert (job.status, job.reason) == ("failed", "exit_code")
    assert "a�b" in job.summary


NASTY = Verdict(
    Reason.OK,
    "x\0y \ud800",
    "r\0",
    ("e\0\udfff",),
    None,
    {"cost": math.nan, "n\0": 1},
    {"a": ["\0", math.inf], "o": object()},
)


def test_a_success_with_unstorable_details_is_a_success(tmp_path: Path) -> None:
    submit(document(tmp_path, []))
    attempt = claim()
    settle(attempt, NASTY, Ending(EndedBy.EXIT, 0))
    attempt.refresh_from_db()
    assert attempt.job.status == "completed"
    assert attempt.verdict["summary"] == "x�y �"
    assert attempt.usage["cost"] is None


@pytest.mark.parametrize("reset_at", [1e18, math.inf, math.nan, 253402300000.0])
def test_a_reset_time_beyond_all_sense_parks_for_a_month_at_most(tmp_path: Path, reset_at: float) -> None:
    submit(document(tmp_path, []))
    attempt = claim()
    settle(attempt, Verdict(Reason.RATE_LIMITED, "Later", "x", reset_at=reset_at))
    job = Job.objects.get()
    assert job.status in ("retrying", "failed")
    if job.not_before:
        assert (job.not_before - db.now()).days <= 31


def test_an_attempt_that_cannot_be_recorded_stops_no_other_maintenance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    submit(document(tmp_path, []))
    attempt = claim()
    StepAttempt.objects.filter(pk=attempt.pk).update(worker_pid=2**22 + 1, worker_started=1)
    late = make_job("retrying", not_before=db.now(), finished_at=None)

    def fails(*args: Any, **kwargs: Any) -> Any:
        raise TypeError("a defect")

    monkeypatch.setattr(settling, "decide", fails)
    NodeMonitor(shim_start_s=0).tick()
    late.refresh_from_db()
    attempt.refresh_from_db()
    assert late.status == "queued"
    assert attempt.status == "lost"
    assert attempt.job.status in ("failed", "quarantined")


def test_a_worker_that_slept_through_its_lease_starts_nothing(tmp_path: Path) -> None:
    submit(document(tmp_path, ["-c", "open('ran', 'w')"]))
    attempt = claim()
    rescue(StepAttempt.objects.get(pk=attempt.pk), "its worker was silent")
    execute(attempt)
    assert not (tmp_path / "ran").exists()
    attempt.refresh_from_db()
    assert attempt.command == []


def test_the_lease_counts_from_the_start_of_the_tool(tmp_path: Path) -> None:
    submit(document(tmp_path, []))
    attempt = claim()
    execute(attempt)
    assert StepAttempt.objects.get(pk=attempt.pk).heartbeat >= 1


def test_a_success_of_a_job_with_secrets_survives_a_database_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.put("TOKEN", "correct horse battery", by="mara")
    secrets.grant("TOKEN", tool="shell", by="mara")
    doc = {**document(tmp_path, ["-c", "print('hi')"]), "env": {"MY_TOKEN": {"secret": "TOKEN"}}}
    submit(doc)
    attempt = claim()
    given, calls = secrets.granted, list[int]()

    def away(job: Job) -> dict[str, str]:
        calls.append(1)
        if len(calls) > 1:
            raise OperationalError("away")
        return given(job)

    monkeypatch.setattr(secrets, "granted", away)
    execute(attempt)
    job = Job.objects.get()
    assert job.status == "completed", job.summary


def test_a_job_that_a_program_runs_can_be_cancelled(tmp_path: Path) -> None:
    attempt = external_runs.mark_running(make_document())
    job_actions.cancel(attempt.job, by="mara")
    attempt.refresh_from_db()
    assert (attempt.job.status, attempt.status) == ("cancelled", "cancelled")


def test_a_lost_run_of_a_program_is_not_queued_where_nobody_serves() -> None:
    attempt = external_runs.mark_running(make_document())
    rescue(attempt, "marked")
    attempt.refresh_from_db()
    assert attempt.job.status == "quarantined"


def test_a_keeper_that_cannot_be_started_is_no_fault_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ShimError("No keeper could be started: no more processes")

    monkeypatch.setattr(KeeperPool, "start", broken)
    job, attempt = run(document(tmp_path, ["-c", "print('hi')"]))
    assert (job.status, attempt.reason) == ("retrying", "infra")


def test_escalating_what_never_ran_hands_over_the_whole_prompt() -> None:
    doc = {
        **make_document(),
        "tool": "aider",
        "command": {"exe": "aider", "args": ["--message", "Mend it\nand test it"]},
    }
    job = make_job("cancelled", spec=doc, title="Mend it")
    job_actions.escalate(job, by="mara", tool="codex")
    job.refresh_from_db()
    assert "and test it" in json.dumps(job.next_command)


def test_a_vanished_tool_is_refused_with_a_sentence() -> None:
    job = make_job("review", tool="gone")
    with pytest.raises(InvalidDocument):
        job_actions.review(job, by="mara", verdict="request_changes", message="x")
    job = make_job("failed", tool="gone")
    make_attempt(job, "failed", reason="strange reason", step_name="gone")
    job_actions.escalate(job, by="mara", tool="codex")
    assert Job.objects.get(pk=job.pk).tool == "codex"


def test_a_notification_that_fails_costs_nobody_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    def broken() -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(notifier, "_notify_sockets", broken)
    assert submit(document(tmp_path, [])).status == "queued"


def test_a_data_directory_with_a_long_path_has_no_notifications(settings: Settings, tmp_path: Path) -> None:
    settings.ENGINE_DATA_DIR = tmp_path / ("x" * 60) / ("y" * 60)
    listener = notifier.Listener()
    try:
        listener.wait(0)  # on PostgreSQL the first wait subscribes, which counts as a notification
        notifier.notify()
        assert listener.socket.getsockname() in ("", b"")
        assert db.connection().vendor == "postgresql" or listener.wait(0.01) is False
    finally:
        listener.close()


def test_a_queued_job_whose_attempt_number_is_taken_stops_nobody(tmp_path: Path) -> None:
    job = submit(document(tmp_path, []))
    make_attempt(job, "failed")
    Job.objects.filter(pk=job.pk).update(attempts_made=0)
    assert claim().number == 2


def test_a_frozen_keeper_does_not_keep_a_cancelled_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit(document(tmp_path, SLEEPER))

    def freeze_and_cancel() -> None:
        shim = StepAttempt.objects.get().shim_pid
        assert shim is not None
        os.kill(shim, signal.SIGSTOP)
        job_actions.cancel(job, by="mara")

    thread: threading.Thread = meanwhile(
        freeze_and_cancel, lambda: ready() and StepAttempt.objects.filter(shim_pid__isnull=False).exists()
    )
    execute(claim())
    thread.join()
    job.refresh_from_db()
    assert job.status == "cancelled"
