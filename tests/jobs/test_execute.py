"""One attempt with real processes: from its claim to its settled end, whatever happens on the way."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from pytest_django import Settings

from adapters.process.sweep import processes_of
from jobs import db
from jobs.errors import LostLease
from jobs.models import ErrorGroup, Event, Job, LogChunk, StepAttempt
from jobs.services.execution import endings, leases, runner
from jobs.services.execution.claim import Claimant, claim_next
from jobs.services.execution.execute import execute
from jobs.services.execution.runner_state import RunnerState
from jobs.services.operations import job_actions
from jobs.services.submission.submit import submit, submit_all
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_document

pytestmark = pytest.mark.django_db(transaction=True)
SLEEPER = ["-c", "import time\nprint('ready', flush=True)\ntime.sleep(60)"]
STUBBORN = [
    "-c",
    "import signal, subprocess, sys, time\n"
    "for n in (signal.SIGTERM, signal.SIGINT): signal.signal(n, signal.SIG_IGN)\n"
    "subprocess.Popen([sys.executable, '-c', 'import signal,time; signal.signal(15, 1); time.sleep(60)'],"
    " start_new_session=True)\n"
    "print('ready', flush=True)\ntime.sleep(60)",
]


@pytest.fixture(autouse=True)
def _data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AWAY_S", 0.05)


def run(document: dict[str, Any]) -> tuple[Job, StepAttempt]:
    """Submit and run one attempt in this process."""
    job = submit(document)
    attempt = claim()
    execute(attempt)
    job.refresh_from_db()
    attempt.refresh_from_db()
    return job, attempt


def claim() -> StepAttempt:
    attempt = claim_next(Claimant.this_process(slots=9))
    assert attempt is not None
    return attempt


def document(tmp_path: Path, args: list[str], **metadata: Any) -> dict[str, Any]:
    return make_document(args=args, paths={"repo_root": str(tmp_path)}, metadata={"grace_seconds": 0.3, **metadata})


def meanwhile(act: Callable[[], object], once: Callable[[], bool]) -> threading.Thread:
    """Do `act` in another thread as soon as `once` is true."""

    def work() -> None:
        deadline = time.monotonic() + 20
        while not once() and time.monotonic() < deadline:
            time.sleep(0.02)
        act()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def ready() -> bool:
    attempt = StepAttempt.objects.filter(status=AttemptStatus.RUNNING).first()
    log = attempt.directory / "output.log" if attempt else None
    return bool(log and log.exists() and log.read_bytes().startswith(b"ready"))


def test_a_job_that_works_is_completed_with_its_log_and_totals(tmp_path: Path) -> None:
    job, attempt = run(document(tmp_path, ["-c", "print('one'); print('two')"]))
    assert (job.status, job.reason) == ("completed", "ok")
    assert (attempt.status, attempt.exit_code, attempt.log_bytes, attempt.log_lines) == ("completed", 0, 8, 2)
    assert attempt.result_json["job_id"] == job.job_id and attempt.result_json["success"]
    assert b"".join(bytes(chunk.data) for chunk in LogChunk.objects.all()) == b"one\ntwo\n"
    types = list(Event.objects.filter(job=job).order_by("id").values_list("event_type", flat=True))
    assert types == ["job.submitted", "job.queued", "job.running", "attempt.completed", "job.completed"]


def test_a_failure_is_grouped_and_reported(tmp_path: Path) -> None:
    body = document(tmp_path, ["-c", "raise SystemExit('cannot reach 10.0.0.7 after 31 s')"])
    body["paths"]["error_report"] = "out/report.json"
    job, attempt = run(body)
    assert (job.status, attempt.reason, attempt.exit_code) == ("failed", "exit_code", 1)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["category"] == "exit_code"
    run({**document(tmp_path, ["-c", "raise SystemExit('cannot reach 10.0.0.8 after 92 s')"])})
    kind = ErrorGroup.objects.get()
    assert (kind.count, kind.tool, kind.category) == (2, "shell", "exit_code")


def test_a_program_that_is_not_there_fails_with_a_sentence_and_is_not_tried_again(tmp_path: Path) -> None:
    body = {**document(tmp_path, [], retry_policy="retry_same"), "command": {"exe": "no-such-program", "args": []}}
    job, attempt = run(body)
    assert (job.status, attempt.reason) == ("failed", "infra")
    assert "no-such-program is not on this host's PATH" in job.summary


def test_a_missing_working_directory_fails_with_a_sentence(tmp_path: Path) -> None:
    body = document(tmp_path, ["-c", "pass"])
    body["paths"]["working_dir"] = "nowhere"
    job, _ = run(body)
    assert job.status == "failed"
    assert "working_dir" in job.summary and "does not exist" in job.summary


def test_a_timeout_is_told_apart_from_a_failure(tmp_path: Path) -> None:
    job, attempt = run(document(tmp_path, SLEEPER, timeout_seconds=0.5))
    assert (job.status, attempt.status, attempt.reason) == ("timeout", "timeout", "timeout")
    assert processes_of(attempt.marker) == []


def test_silence_is_a_timeout_with_its_own_reason(tmp_path: Path) -> None:
    job, attempt = run(document(tmp_path, SLEEPER, idle_timeout_seconds=0.5))
    assert (job.status, attempt.reason) == ("timeout", "stalled")


def test_after_a_cancel_the_whole_tree_is_gone_and_its_size_is_on_record(tmp_path: Path) -> None:
    job = submit(document(tmp_path, STUBBORN))
    attempt = claim()
    thread = meanwhile(lambda: job_actions.cancel(job, by="mara", grace_s=0.2), ready)
    execute(attempt)
    thread.join()
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.status, job.summary, attempt.status) == ("cancelled", "Cancelled by mara.", "cancelled")
    assert processes_of(attempt.marker) == []
    ended = Event.objects.get(event_type="attempt.cancelled").payload_json
    assert ended["killed"] >= 2 and ended["survivors"] == 0 and ended["stop_s"] < 10
    assert (attempt.directory / "output.log").read_bytes() == b"ready\n"


def test_a_worker_that_lost_its_lease_kills_its_child_and_writes_nothing(tmp_path: Path) -> None:
    job = submit(document(tmp_path, SLEEPER))
    attempt = claim()

    def take_over() -> None:
        Job.objects.filter(pk=job.pk).update(fence=99)

    thread = meanwhile(take_over, ready)
    execute(attempt)
    thread.join()
    attempt.refresh_from_db()
    job.refresh_from_db()
    assert (job.status, attempt.status, attempt.completed_at) == ("running", "running", None)
    assert processes_of(attempt.marker) == []


def test_a_database_that_is_away_for_a_while_costs_the_job_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_until = time.monotonic() + 1.5
    real = leases.extend

    def extend(state: RunnerState) -> None:
        if time.monotonic() < away_until:
            raise OperationalError("the database is away")
        real(state)

    monkeypatch.setattr(leases, "extend", extend)
    job, attempt = run(document(tmp_path, ["-c", "import time; time.sleep(1); print('done')"]))
    assert (job.status, attempt.log_bytes) == ("completed", 5)


def test_a_database_that_stays_away_stops_the_tool_before_anybody_may_claim_it(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENGINE_WATCHDOG_S = 1.0

    real, calls = leases.extend, list[int]()

    def extend(state: RunnerState) -> None:
        calls.append(1)
        if len(calls) > 1:  # the first one is before the start
            raise OperationalError("the database is away")
        real(state)

    monkeypatch.setattr(leases, "extend", extend)
    began = time.monotonic()
    job, attempt = run(document(tmp_path, SLEEPER))
    assert time.monotonic() - began < 10
    assert (job.status, attempt.status) == ("queued", "lost")


def test_a_success_is_settled_when_the_database_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = endings.settle_batch

    def settle(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("the database is away")
        return real(*args, **kwargs)

    monkeypatch.setattr(endings, "settle_batch", settle)
    job, _ = run(document(tmp_path, ["-c", "pass"]))
    assert job.status == "completed" and len(calls) == 3


def test_escalation_carries_the_prompt_and_lets_the_new_tools_adapter_build_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("claude", "codex"):
        program = bin_dir / name
        program.write_text("#!/bin/sh\necho 'rate of failure: high'\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "auth.json").write_text("{}")  # logged in
    body = document(tmp_path, [], retry_policy="escalate_to_codex")
    job = submit({**body, "tool": "claude", "command": {"exe": "claude", "args": ["-p", "Fix the greeting"]}})
    for _ in range(4):
        execute(claim())
    job.refresh_from_db()
    first, second, third, fourth = job.attempts.order_by("number")
    assert [(a.step_name, a.escalation_level, a.cause) for a in (first, second, third)] == [
        ("claude", 0, "submitted"),
        ("claude", 0, "retried"),
        ("codex", 1, "escalated"),
    ]
    assert third.escalated_from_id == second.pk
    assert third.handoff["prompt"] == "Fix the greeting" and "high" in third.handoff["log_tail"]
    assert (fourth.step_name, fourth.cause) == ("codex", "retried")  # every level has the same rules
    assert job.status in ("failed", "quarantined") and job.tool == "codex"
    assert Event.objects.filter(event_type="job.escalated").count() == 1


def test_a_job_whose_retries_end_in_the_same_error_is_quarantined_until_a_person_decides(tmp_path: Path) -> None:
    rule = {"rules": [{"on": ["exit_code"], "times": 1, "backoff": "immediate"}]}
    job = submit(document(tmp_path, ["-c", "raise SystemExit('still broken')"], retry_policy=rule))
    execute(claim())
    job.refresh_from_db()
    assert job.status == "queued"
    execute(claim())
    job.refresh_from_db()
    assert job.status == "quarantined" and "same error 2 times" in job.summary
    job_actions.release(job, by="mara")
    execute(claim())
    job.refresh_from_db()
    assert job.status == "queued" and job.attempts_made == 3  # a fresh budget
    job_actions.cancel(job, by="mara")


def test_waiting_for_a_retry_holds_no_worker_and_never_ends_early(tmp_path: Path) -> None:
    rule = {"rules": [{"on": ["exit_code"], "times": 1, "backoff": "linear", "base_seconds": 60}]}
    job, _ = run(document(tmp_path, ["-c", "raise SystemExit(1)"], retry_policy=rule))
    assert job.status == "retrying" and job.not_before is not None
    assert 55 < (job.not_before - db.now()).total_seconds() <= 60
    assert claim_next(Claimant.this_process(slots=9)) is None
    assert not StepAttempt.objects.alive().exists()


def test_a_secret_looking_value_never_reaches_log_rows_or_report(tmp_path: Path) -> None:
    body = document(
        tmp_path, ["-c", "import os; print('key', os.environ['API_KEY']); raise SystemExit(os.environ['API_KEY'])"]
    )
    body["env"] = {"API_KEY": "hunter2-hunter2-hunter2"}
    body["paths"]["error_report"] = "report.json"
    _, attempt = run(body)
    places = [
        (attempt.directory / "output.log").read_bytes(),
        (tmp_path / "report.json").read_bytes(),
        *(bytes(chunk.data) for chunk in LogChunk.objects.all()),
        json.dumps(attempt.verdict).encode(),
        json.dumps(list(Event.objects.values_list("payload_json", flat=True))).encode(),
        ErrorGroup.objects.get().message.encode(),
    ]
    assert all(b"hunter2" not in place for place in places)


def test_a_defect_in_our_own_code_closes_the_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(endings.attempts, "judge", broken)
    job, attempt = run(document(tmp_path, ["-c", "pass"]))
    assert (job.status, attempt.reason) == ("retrying", "infra")
    assert processes_of(attempt.marker) == []


def test_a_second_worker_cannot_execute_an_attempt_that_has_been_settled(tmp_path: Path) -> None:
    _, attempt = run(document(tmp_path, ["-c", "pass"]))
    from adapters.verdict import Reason, Verdict
    from jobs.services.outcome.settle import settle

    with pytest.raises(LostLease):
        settle(attempt, Verdict(Reason.EXIT_CODE, "late news", "test"))
    assert JobStatus(Job.objects.get(pk=attempt.job_id).status) == JobStatus.COMPLETED


def test_lists_of_a_hundred_documents_never_starve_a_heartbeat(tmp_path: Path, settings: Settings) -> None:
    """One list is one transaction of SQLite's only writer; the watchdog here is a tenth of the usual one."""
    settings.ENGINE_HEARTBEAT_S, settings.ENGINE_WATCHDOG_S = 0.2, 2.5
    settings.ENGINE_LEASE_S = 2.8
    submit(document(tmp_path, ["-c", "import time; time.sleep(4)"]))
    attempt = claim()
    thread = meanwhile(lambda: execute(attempt), lambda: True)
    while thread.is_alive():
        submit_all([document(tmp_path, ["-c", "pass"]) for _ in range(100)])
    attempt.refresh_from_db()
    assert (attempt.status, attempt.heartbeat > 8) == ("completed", True)
