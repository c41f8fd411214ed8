"""What a dead, frozen or silent worker leaves behind is ended, adopted or run again, exactly once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from adapters.process import Shim, Spec
from adapters.process.sweep import Swept, own_identity, processes_of, read_pids
from jobs.errors import Refused
from jobs.models import ErrorGroup, Event, Job, LogChunk, Node, StepAttempt
from jobs.queue.broker import AGENT, EngineBroker
from jobs.services.core.private_queue import private_queue
from jobs.services.core.transitions import move
from jobs.services.execution.claim import Claimant, claim_next
from jobs.services.maintenance import nodes
from jobs.services.maintenance.monitor import SHIM_EXIT_S, NodeMonitor
from jobs.services.maintenance.repair import repair
from jobs.services.maintenance.rescue import rescue
from jobs.services.operations import job_actions
from jobs.services.submission.submit import submit_all
from jobs.states import ErrorState, JobStatus
from tests.factories import make_document, make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor() -> NodeMonitor:
    """Most attempts here never had a shim: nobody needs to wait for one."""
    return NodeMonitor(shim_start_s=0)


@pytest.fixture
def dead_worker() -> tuple[int, int]:
    """The identity of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "pass"])
    process.wait()
    return process.pid, 1


@pytest.fixture
def leftovers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that a test starts and that must not outlive it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def claim(job: Job, worker: tuple[int, int] | None = None, host: str = "test-node") -> StepAttempt:
    pid, started = worker or own_identity()
    attempt = claim_next(Claimant("test-node", host, ("default",), 9, pid, started))
    assert attempt is not None and attempt.job_id == job.pk
    attempt.directory.mkdir(parents=True, exist_ok=True)
    return attempt


def exit_record(attempt: StepAttempt, **facts: Any) -> None:
    (attempt.directory / "exit.json").write_text(
        json.dumps({"ended_by": "exit", "exit_code": 0, "log_lines": 3, **facts})
    )


def test_a_dead_worker_is_noticed_at_once_and_its_job_runs_again(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    job = make_job()
    attempt = claim(job, dead_worker)
    monitor.tick()
    attempt.refresh_from_db()
    job.refresh_from_db()
    assert (attempt.status, attempt.reason) == ("lost", "lost")
    assert attempt.verdict["summary"] == "Lost: its worker process died."
    assert job.status == "queued"


def test_leftover_processes_of_a_dead_worker_are_ended_before_the_job_may_run_again(
    data_dir: Path, dead_worker: tuple[int, int], leftovers: list[subprocess.Popen[bytes]], monitor: NodeMonitor
) -> None:
    job = make_job()
    attempt = claim(job, dead_worker)
    environment = {"ENGINE_ATTEMPT_MARKER": attempt.marker, "PATH": os.environ["PATH"]}
    leftovers.append(
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environment, start_new_session=True)
    )
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**environment, "ENGINE_ATTEMPT_MARKER": attempt.marker[:-1] + "x"},
    )
    leftovers.append(bystander)
    deadline = time.monotonic() + 5
    while not processes_of(attempt.marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    monitor.tick()
    assert leftovers[0].wait(5) == -signal.SIGKILL
    assert bystander.poll() is None, "a process of another attempt was touched"
    assert processes_of(attempt.marker) == []


def test_a_success_in_exit_json_is_adopted_and_never_run_again(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    job = make_job()
    attempt = claim(job, dead_worker)
    exit_record(attempt)
    monitor.tick()
    attempt.refresh_from_db()
    job.refresh_from_db()
    assert (job.status, attempt.status, attempt.exit_code, attempt.log_lines) == ("completed", "completed", 0, 3)
    monitor.tick()
    assert job.attempts.count() == 1


def test_the_log_of_an_adopted_result_is_stored_to_its_end(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    """Found by the drill (seed 2): the worker died between the tool's last line and the next copy of the log."""
    attempt = claim(make_job(), dead_worker)
    (attempt.directory / "output.log").write_bytes(b"one\ntwo\nthree\n")
    LogChunk.objects.create(attempt=attempt, seq=0, offset=0, first_line=1, line_count=1, data=b"one\n")
    exit_record(attempt)
    monitor.tick()
    rows = LogChunk.objects.order_by("seq").values_list("offset", "first_line", "line_count", "data")
    assert [(*row[:3], bytes(row[3])) for row in rows] == [(0, 1, 1, b"one\n"), (4, 2, 2, b"two\nthree\n")]


def test_an_attempt_that_is_lost_alone_leaves_the_keeper_to_the_others(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spared = list[bool]()
    monkeypatch.setattr(
        "jobs.services.maintenance.rescue.kill_attempt",
        lambda *_, spare_keeper: spared.append(spare_keeper) or Swept(0, 0, 0.0),
    )
    attempts = [claim(make_job()) for _ in range(3)]
    StepAttempt.objects.update(shim_pid=4711)
    attempts = [StepAttempt.objects.select_related("job__workstream").get(pk=attempt.pk) for attempt in attempts]
    rescue(attempts[0], "it was taken over")
    StepAttempt.objects.filter(pk=attempts[1].pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    rescue(attempts[2], "its worker was silent")
    assert spared == [True, False]


def test_a_failure_in_exit_json_is_the_work_s_failure(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    job = make_job()
    exit_record(claim(job, dead_worker), exit_code=3)
    monitor.tick()
    job.refresh_from_db()
    assert (job.status, job.reason) == ("failed", "exit_code")


@pytest.mark.parametrize("ended_by", ["lifeline", "deadman"])
def test_a_tree_that_the_shim_ended_for_its_worker_is_lost_not_failed(
    data_dir: Path, dead_worker: tuple[int, int], ended_by: str, monitor: NodeMonitor
) -> None:
    job = make_job()
    exit_record(claim(job, dead_worker), ended_by=ended_by, exit_code=None, signal=9)
    monitor.tick()
    job.refresh_from_db()
    assert job.status == "queued"


def test_a_worker_that_died_while_it_handed_a_job_back_has_cancelled_nothing(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    job = make_job()
    exit_record(claim(job, dead_worker), ended_by="cancel", exit_code=None, signal=15)
    monitor.tick()
    job.refresh_from_db()
    assert job.status == "queued"


def test_a_cancelled_job_whose_worker_died_is_cancelled(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    job = make_job()
    claim(job, dead_worker)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLING, cancelled_by="mara")
    monitor.tick()
    job.refresh_from_db()
    assert (job.status, job.summary) == ("cancelled", "Cancelled by mara.")


def test_a_living_worker_that_beats_is_left_alone(data_dir: Path, monitor: NodeMonitor) -> None:
    attempt = claim(make_job())
    monitor.tick()
    attempt.refresh_from_db()
    assert attempt.status == "running"


def test_silence_is_measured_on_the_observers_own_clock(data_dir: Path, settings: Settings) -> None:
    """Neither a wrong lease time nor a jump of the wall clock ends a living attempt; missing heartbeats do."""
    clock = [1000.0]
    monitor = NodeMonitor(clock=lambda: clock[0])
    job = make_job()
    attempt = claim(job, host="another-host")
    StepAttempt.objects.filter(pk=attempt.pk).update(lease_until=timezone.now() - timedelta(days=1))
    monitor.tick()
    clock[0] += settings.ENGINE_LEASE_S - 1
    monitor.tick()
    attempt.refresh_from_db()
    assert attempt.status == "running"
    StepAttempt.objects.filter(pk=attempt.pk).update(heartbeat=1, lease_until=timezone.now() + timedelta(days=365))
    monitor.tick()
    clock[0] += settings.ENGINE_LEASE_S + 1
    monitor.tick()
    attempt.refresh_from_db()
    assert attempt.status == "lost"


def test_the_tree_is_dead_before_its_lease_may_be_taken(settings: Settings) -> None:
    assert settings.ENGINE_WATCHDOG_S + 1 <= settings.ENGINE_LEASE_S < 30


def test_two_observers_at_once_close_an_attempt_once(data_dir: Path, dead_worker: tuple[int, int]) -> None:
    job = make_job()
    attempt = claim(job, dead_worker)
    stale = StepAttempt.objects.select_related("job__workstream").get(pk=attempt.pk)
    rescue(attempt, "its worker process died")
    with pytest.raises(Refused):
        rescue(stale, "its worker process died")
    assert Event.objects.filter(event_type="attempt.lost").count() == 1


def test_after_a_whole_lost_streak_the_job_asks_for_a_person(
    data_dir: Path, dead_worker: tuple[int, int], monitor: NodeMonitor
) -> None:
    job = make_job()
    for _ in range(20):
        job.refresh_from_db()
        if job.status != JobStatus.QUEUED:
            break
        claim(job, dead_worker)
        monitor.tick()
    assert job.status == "quarantined"


def test_a_delayed_job_is_queued_when_its_time_has_come_and_not_before(data_dir: Path, monitor: NodeMonitor) -> None:
    due = make_job(status=JobStatus.RETRYING, not_before=timezone.now() - timedelta(seconds=1))
    later = make_job(status=JobStatus.RETRYING, not_before=timezone.now() + timedelta(seconds=60))
    monitor.tick()
    due.refresh_from_db()
    later.refresh_from_db()
    assert (due.status, later.status) == ("queued", "retrying")


def test_a_queue_timeout_gives_up_what_waited_too_long(data_dir: Path, monitor: NodeMonitor) -> None:
    job = make_job(expires_at=timezone.now() - timedelta(seconds=1))
    monitor.tick()
    job.refresh_from_db()
    assert job.status == "timeout" and "queue_timeout_seconds" in job.summary


def test_a_queue_timeout_counts_from_the_queue_and_anew_after_a_retry(monitor: NodeMonitor) -> None:
    parent, job = submit_all(
        [
            make_document(job_id="first"),
            make_document(metadata={"depends_on": ["first"], "queue_timeout_seconds": 60}),
        ]
    )
    assert job.expires_at is None, "it does not wait for a worker yet"
    move(parent, JobStatus.RUNNING, fence=1)
    move(parent, JobStatus.COMPLETED)
    job.refresh_from_db()
    assert job.expires_at is not None and job.expires_at > timezone.now()
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    monitor.tick()
    job.refresh_from_db()
    assert job.status == "timeout"
    job_actions.retry(job, by="mara")
    monitor.tick()
    job.refresh_from_db()
    assert job.status == "queued"


def test_a_job_of_a_foreground_command_that_died_is_not_left_waiting(
    data_dir: Path, dead_worker: tuple[int, int]
) -> None:
    pid, _ = own_identity()
    queue = private_queue()
    mine = make_job(queue=queue)
    orphan = make_job(queue=queue.replace(f":{pid}:", f":{dead_worker[0]}:"))
    repair()
    mine.refresh_from_db()
    orphan.refresh_from_db()
    assert mine.status == "queued"
    assert (orphan.status, orphan.summary) == ("cancelled", "The command that ran it has ended.")


def test_a_mute_runs_out(data_dir: Path) -> None:
    kind = ErrorGroup.objects.create(
        signature="s",
        tool="t",
        category="c",
        message="m",
        pattern="m",
        state=ErrorState.MUTED,
        muted_until=timezone.now() - timedelta(seconds=1),
    )
    repair()
    kind.refresh_from_db()
    assert kind.state == ErrorState.OPEN


def test_a_second_cluster_of_the_same_name_on_this_host_is_refused(leftovers: list[subprocess.Popen[bytes]]) -> None:
    from adapters.process.keeper import tree

    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    leftovers.append(other)
    node = nodes.register()
    Node.objects.filter(pk=node.pk).update(pid=other.pid, pid_started=tree.starttime_of(other.pid))
    with pytest.raises(Refused, match="already runs here"):
        nodes.register()
    Node.objects.filter(pk=node.pk).update(pid_started=1)  # the pid was given to another process since
    nodes.register()


def test_a_shim_at_its_work_gets_a_moment_to_record_the_truth(
    data_dir: Path, tmp_path: Path, dead_worker: tuple[int, int]
) -> None:
    """Its worker is dead; the shim still waits for the tool, which then succeeds: that success counts."""
    job = make_job(spec=make_document())
    clock = [1000.0]
    attempt, monitor = claim(job, dead_worker), NodeMonitor(clock=lambda: clock[0])
    tool = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]):\n    time.sleep(0.02)"
    go = tmp_path / "go"
    with Shim.spawn() as shim:
        shim.start(
            Spec(
                argv=[sys.executable, "-c", tool, str(go)],
                env={},
                cwd="/tmp",
                attempt_dir=attempt.directory,
                marker=attempt.marker,
            )
        )
        deadline = time.monotonic() + 15
        while not read_pids(attempt.directory):
            assert time.monotonic() < deadline, "the shim has not started"
            time.sleep(0.02)
        monitor.tick()
        assert Job.objects.get(pk=job.pk).status == JobStatus.RUNNING
        go.touch()
        assert shim.wait(15) is not None
        clock[0] += SHIM_EXIT_S + 1
        monitor.tick()
    job.refresh_from_db()
    assert job.status == "completed" and job.attempts.count() == 1


def test_each_monitor_has_a_memory_of_its_own(data_dir: Path, settings: Settings) -> None:
    clock = [1000.0]
    first, second = NodeMonitor(clock=lambda: clock[0]), NodeMonitor(clock=lambda: clock[0])
    attempt = claim(make_job(), host="another-host")
    first.look_after_attempts()
    clock[0] += settings.ENGINE_LEASE_S + 1
    second.look_after_attempts()
    attempt.refresh_from_db()
    assert attempt.status == "running", "the second one has only just seen it"
    first.look_after_attempts()
    attempt.refresh_from_db()
    assert attempt.status == "lost"


def test_a_row_that_takes_the_number_of_an_ended_attempt_is_not_silent_since_then(
    data_dir: Path, settings: Settings
) -> None:
    """SQLite gives the number of a deleted row again."""
    clock = [1000.0]
    monitor = NodeMonitor(clock=lambda: clock[0])
    job = make_job()
    old = claim(job, host="another-host")
    monitor.look_after_attempts()
    StepAttempt.objects.filter(pk=old.pk).delete()
    monitor.look_after_attempts()
    clock[0] += settings.ENGINE_LEASE_S + 1
    Job.objects.filter(pk=job.pk).update(status=JobStatus.QUEUED)
    new = claim(job, host="another-host")
    StepAttempt.objects.filter(pk=new.pk).update(id=old.pk)
    monitor.look_after_attempts()
    assert StepAttempt.objects.get(pk=old.pk).status == "running"


def test_repairs_are_made_at_once_and_then_each_half_minute(data_dir: Path) -> None:
    clock = [5.0]
    monitor = NodeMonitor(clock=lambda: clock[0])
    kind = ErrorGroup.objects.create(signature="s", tool="t", category="c", message="m", pattern="m")
    for seconds, state in ((0, "open"), (29, "muted"), (2, "open")):
        ErrorGroup.objects.update(state=ErrorState.MUTED, muted_until=timezone.now() - timedelta(seconds=1))
        clock[0] += seconds
        monitor.tick()
        kind.refresh_from_db()
        assert kind.state == state


def test_under_the_stock_command_the_broker_owns_one_monitor(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AGENT, raising=False)
    node = nodes.register()
    Node.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    broker = EngineBroker()
    broker._tick()
    assert Node.objects.get(pk=node.pk).is_alive
    tick = broker._tick_monitor
    broker._ticked_at = 0.0
    broker._tick()
    assert tick is not None and broker._tick_monitor == tick
