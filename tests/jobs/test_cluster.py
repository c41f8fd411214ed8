"""The real cluster under the blows that a stock django-q2 cluster does not survive. Each test starts one of its own."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from jobs import db
from jobs.models import Job, Node
from jobs.services.operations import job_actions
from tests.drill.processes import carrying, children, descendants, look, send
from tests.jobs.clusters import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.sqlite]


@pytest.fixture
def cluster(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    with django_db_blocker.unblock():
        made = Cluster(tmp_path)
        made.start()
        try:
            made.wait(lambda: len(made.pool()) >= 4)
            yield made
        finally:
            made.stop()
            markers = [a.marker for job in list_jobs(made) for a in made.attempts(job)]
            assert not [pid for marker in markers for pid in carrying(f"ENGINE_ATTEMPT_MARKER={marker}")]


def list_jobs(made: Cluster) -> list[str]:
    with db.using(made.store.alias):
        return list(Job.objects.values_list("job_id", flat=True))


def test_jobs_run_and_the_node_beats(cluster: Cluster) -> None:
    names = [cluster.submit(["-c", f"print({n})"]) for n in range(4)]
    for name in names:
        cluster.wait_for(name, "completed")
    with db.using(cluster.store.alias):
        node = Node.objects.get()
    assert (node.name, node.slots, node.stopped_at) == ("test-node", 2, None)


def test_killing_idle_workers_stops_nothing(cluster: Cluster) -> None:
    """F4: on a stock cluster, the death of the worker that waits in the queue's read ends all work forever."""
    for _ in range(2):
        for proc in cluster.pool():
            send(proc, signal.SIGKILL)
        time.sleep(1.2)
    cluster.wait_for(cluster.submit(["-c", "pass"]), "completed")


def test_a_killed_worker_loses_its_tree_and_the_job_runs_again(cluster: Cluster) -> None:
    job_id, attempt = cluster.running()
    worker = look(attempt.worker_pid or 0)
    assert worker is not None
    began = time.monotonic()
    send(worker, signal.SIGKILL)
    cluster.wait(lambda: len(cluster.attempts(job_id)) == 2)
    assert time.monotonic() - began < 10
    assert not carrying(f"ENGINE_ATTEMPT_MARKER={attempt.marker}")
    assert cluster.attempts(job_id)[0].status == "lost"
    with db.using(cluster.store.alias):
        job_actions.cancel(cluster.job(job_id), by="mara")
    cluster.wait_for(job_id, "cancelled")


def test_the_death_of_the_sentinel_brings_a_new_pool(cluster: Cluster) -> None:
    """F8: a stock cluster's main process exits and leaves headless workers behind."""
    old = {proc.pid for proc in cluster.pool()}
    (sentinel,) = children(cluster.pid)
    send(sentinel, signal.SIGKILL)
    cluster.wait(lambda: len(cluster.pool()) >= 4 and not old & {proc.pid for proc in cluster.pool()})
    assert all(look(pid) is None for pid in old)
    cluster.wait_for(cluster.submit(["-c", "pass"]), "completed")


def test_main_dead_means_all_dead_within_a_second(cluster: Cluster) -> None:
    """F7: a stock cluster lives on unsupervised."""
    job_id, attempt = cluster.running()
    below = descendants(cluster.pid)
    assert len(below) > 6
    os.kill(cluster.pid, signal.SIGKILL)
    assert cluster.main is not None
    cluster.main.wait(5)
    deadline = time.monotonic() + 2
    while any(
        look(proc.pid) == proc or ((look(proc.pid) or proc).started == proc.started and look(proc.pid))
        for proc in below
    ):
        assert time.monotonic() < deadline, "something outlived the main process"
        time.sleep(0.05)
    assert not carrying(f"ENGINE_ATTEMPT_MARKER={attempt.marker}")
    cluster.start()
    cluster.wait(lambda: cluster.attempts(job_id)[0].status == "lost")
    cluster.wait(lambda: len(cluster.attempts(job_id)) == 2)
    with db.using(cluster.store.alias):
        job_actions.cancel(cluster.job(job_id), by="mara")
    cluster.wait_for(job_id, "cancelled")


def test_sigterm_to_the_whole_group_ends_within_the_bound_and_hands_the_job_back(cluster: Cluster) -> None:
    """F6: a stock cluster hangs forever, five times out of five."""
    job_id, attempt = cluster.running()
    began = time.monotonic()
    os.killpg(cluster.pid, signal.SIGTERM)
    assert cluster.main is not None
    assert cluster.main.wait(15) == 0
    assert time.monotonic() - began < 12
    first = cluster.attempts(job_id)[0]
    assert (first.status, first.verdict["rule"]) == ("lost", "shutdown")
    assert cluster.job(job_id).status == "queued"
    assert not carrying(f"ENGINE_ATTEMPT_MARKER={attempt.marker}")


def test_a_stop_lets_short_jobs_finish_and_starts_nothing_new(cluster: Cluster) -> None:
    """F5: a stock cluster starts everything that it has prefetched."""
    names = [cluster.submit(["-c", "import time; time.sleep(0.6)"]) for _ in range(6)]
    cluster.wait(lambda: any(cluster.job(name).status == "running" for name in names))
    assert cluster.stop() < 10
    statuses = sorted(cluster.job(name).status for name in names)
    assert set(statuses) <= {"completed", "queued"} and statuses.count("queued") >= 2
    cluster.start()
    for name in names:
        cluster.wait_for(name, "completed")
        assert len(cluster.attempts(name)) == 1


def test_a_second_signal_stops_at_once(cluster: Cluster) -> None:
    job_id, _ = cluster.running()
    cluster.environment["ENGINE_STOP_GRACE_S"] = "60"
    cluster.stop()
    cluster.start()
    cluster.wait(lambda: cluster.job(job_id).status == "running" and len(cluster.attempts(job_id)) == 2)
    began = time.monotonic()
    os.kill(cluster.pid, signal.SIGTERM)
    time.sleep(0.5)
    os.kill(cluster.pid, signal.SIGTERM)
    assert cluster.main is not None
    cluster.main.wait(20)
    assert time.monotonic() - began < 15


def test_a_writers_lock_held_for_seconds_runs_nothing_twice(cluster: Cluster) -> None:
    """F13: a stock cluster loses its monitor and runs the finished task a second time."""
    name = cluster.submit(["-c", "import time; time.sleep(0.5)"])
    cluster.wait_for(name, "running")
    with closing(sqlite3.connect(cluster.home / "engine.db", timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(3)
        database.execute("ROLLBACK")
    cluster.wait_for(name, "completed")
    assert len(cluster.attempts(name)) == 1


def test_the_stock_command_runs_jobs_too(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        stock = Cluster(tmp_path, "qcluster").start()
        try:
            name = stock.submit(
                ["-c", "raise SystemExit(1)"],
                retry_policy={"rules": [{"times": 1, "backoff": "linear", "base_seconds": 0.2}]},
            )
            stock.wait_for(name, "quarantined", "failed")
            assert len(stock.attempts(name)) == 2
        finally:
            stock.stop()


@pytest.mark.parametrize("broker", ["orm", pytest.param("redis", marks=pytest.mark.redis)])
def test_the_stock_brokers_stay_supported(broker: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    environment = {"ENGINE_BROKER": broker}
    if broker == "redis":
        if not os.environ.get("ENGINE_TEST_REDIS"):
            pytest.skip("no Redis server on this machine")
        environment["ENGINE_REDIS_URL"] = os.environ["ENGINE_TEST_REDIS"]
    with django_db_blocker.unblock():
        stock = Cluster(tmp_path, "cluster", **environment).start()
        try:
            names = [
                stock.submit(["-c", "pass"]) for _ in range(3)
            ]  # their tokens are lost: we ring for another broker
            for name in names:
                stock.wait_for(name, "completed")
                assert len(stock.attempts(name)) == 1
        finally:
            stock.stop()


def test_a_frozen_worker_loses_its_job_and_changes_nothing_when_it_wakes(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    times = {"ENGINE_LEASE_S": "4", "ENGINE_WATCHDOG_S": "2.5", "ENGINE_HEARTBEAT_S": "0.4"}
    with django_db_blocker.unblock():
        made = Cluster(tmp_path, **times).start()
        try:
            job_id, attempt = made.running()
            worker = look(attempt.worker_pid or 0)
            assert worker is not None
            send(worker, signal.SIGSTOP)
            # The shim ends the tree by its own clock, before the lease can be taken.
            made.wait(lambda: not carrying(f"ENGINE_ATTEMPT_MARKER={attempt.marker}"))
            assert made.attempts(job_id)[0].status == "running"
            made.wait(lambda: len(made.attempts(job_id)) == 2)
            first = made.attempts(job_id)[0]
            assert (first.status, first.verdict["summary"]) == ("lost", "Lost: its worker was silent for 4 s.")
            send(worker, signal.SIGCONT)
            time.sleep(1.5)
            second = made.attempts(job_id)[1]
            assert (made.job(job_id).status, second.status, second.fence) == ("running", "running", first.fence + 1)
            assert made.attempts(job_id)[0].completed_at == first.completed_at
        finally:
            made.stop()
