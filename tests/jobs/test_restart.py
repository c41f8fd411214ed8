"""Planned restarts: SIGUSR2 to the worker, and the tools never notice."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from jobs import db
from jobs.models import LogChunk, Node
from tests.drill.processes import look
from tests.jobs.clusters import ROOT, Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.sqlite]
PACKAGES = ("adapters", "engine_site", "jobs", "schema", "static", "templates")
TICKS = (
    "import os, time\n"
    "from pathlib import Path\n"
    "print('pid', os.getpid(), flush=True)\n"
    "n = 0\n"
    "while not Path({flag!r}).exists():\n"
    "    n += 1\n"
    "    print('line', n, flush=True)\n"
    "    time.sleep(0.02)\n"
    "print('last', n, flush=True)\n"
)


@pytest.fixture
def cluster(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    """It runs a copy of the code, whose version a test may change."""
    code = tmp_path / "code"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, code / package)
    for name in ("manage.py", "pyproject.toml"):
        shutil.copy(ROOT / name, code / name)
    set_version(code, "1.0.0")
    with django_db_blocker.unblock():
        # A busy machine may take long to start a worker: the hold follows from the watchdog.
        made = Cluster(tmp_path, root=code, PYTHONPATH=str(code), ENGINE_WATCHDOG_S="100", ENGINE_LEASE_S="110")
        made.start()
        try:
            made.wait(lambda: len(made.pool()) >= 4, 60)
            yield made
        finally:
            made.stop()


def set_version(code: Path, version: str) -> None:
    information = code / "engine_jobs-0.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: engine-jobs\nVersion: {version}\n")


def restart(cluster: Cluster, version: str) -> None:
    set_version(cluster.root, version)
    old = {proc.pid for proc in cluster.pool()}
    os.kill(cluster.pid, signal.SIGUSR2)
    cluster.wait(lambda: node(cluster).version == version, 60)
    cluster.wait(lambda: len(cluster.pool()) >= 4 and not old & {proc.pid for proc in cluster.pool()}, 60)


def node(cluster: Cluster) -> Node:
    with db.using(cluster.store.alias):
        return Node.objects.get()


def test_two_restarts_with_new_versions_leave_a_running_tool_its_pid_and_its_log(cluster: Cluster) -> None:
    flag = cluster.home / "enough"
    name = cluster.submit(["-c", TICKS.format(flag=str(flag))])
    cluster.wait(lambda: [a for a in cluster.attempts(name) if a.tool_pid])
    (before,) = cluster.attempts(name)
    tool, workers = look(before.tool_pid or 0), {before.worker_pid}
    assert tool is not None
    for version in ("1.0.1", "2.0.0"):
        restart(cluster, version)
        cluster.wait(lambda: cluster.attempts(name)[0].worker_pid not in workers, 60)
        workers.add(cluster.attempts(name)[0].worker_pid)
        now = look(tool.pid)
        assert now is not None and now.started == tool.started
    flag.touch()
    cluster.wait_for(name, "completed")
    (after,) = cluster.attempts(name)
    assert (after.pk, after.fence, after.exit_code) == (before.pk, before.fence, 0)
    lines = stored_log(cluster, after.pk).decode().splitlines()
    assert lines[0] == f"pid {tool.pid}"
    assert lines[1:] == [*(f"line {n}" for n in range(1, len(lines) - 1)), f"last {len(lines) - 2}"]


def stored_log(cluster: Cluster, attempt: int) -> bytes:
    with db.using(cluster.store.alias):
        chunks = LogChunk.objects.filter(attempt=attempt).order_by("seq").values_list("data", flat=True)
        return b"".join(bytes(data) for data in chunks)


def test_a_tool_that_ends_while_no_worker_runs_is_judged_by_the_next_one(cluster: Cluster) -> None:
    flag = cluster.home / "enough"
    name = cluster.submit(["-c", TICKS.format(flag=str(flag)) + "raise SystemExit(3)\n"])
    cluster.wait(lambda: [a for a in cluster.attempts(name) if a.tool_pid])
    (before,) = cluster.attempts(name)
    os.kill(cluster.pid, signal.SIGUSR2)
    cluster.wait(lambda: look(before.worker_pid or 0) is None)
    flag.touch()
    cluster.wait_for(name, "failed", seconds=60)
    (after,) = cluster.attempts(name)
    assert (after.exit_code, after.reason) == (3, "exit_code")


def test_without_a_new_worker_the_tools_are_stopped_when_the_hold_ends(cluster: Cluster) -> None:
    cluster.environment["ENGINE_WATCHDOG_S"] = "8"  # so the hold is five seconds
    cluster.stop()
    cluster.start()
    name = cluster.submit(["-c", "import time; time.sleep(90)"])
    cluster.wait(lambda: [a for a in cluster.attempts(name) if a.tool_pid])
    (before,) = cluster.attempts(name)
    settings = cluster.root / "engine_site" / "settings.py"
    good = settings.read_text()
    settings.write_text("raise SystemExit(9)\n")  # the new code does not start
    os.kill(cluster.pid, signal.SIGUSR2)
    assert cluster.main is not None
    assert cluster.main.wait(30) == 9
    assert look(before.tool_pid or 0) is not None
    began = time.monotonic()
    cluster.wait(lambda: look(before.tool_pid or 0) is None)
    assert time.monotonic() - began < 10
    settings.write_text(good)
    cluster.start()
    cluster.wait(lambda: len(cluster.attempts(name)) == 2, 60)
    first = cluster.attempts(name)[0]
    assert (first.status, first.reason) == ("lost", "lost")


def test_a_stop_ends_the_tools_as_ever(cluster: Cluster) -> None:
    name = cluster.submit(["-c", "import time; time.sleep(90)"])
    cluster.wait(lambda: [a for a in cluster.attempts(name) if a.tool_pid])
    (attempt,) = cluster.attempts(name)
    cluster.stop()
    assert look(attempt.tool_pid or 0) is None
    assert cluster.attempts(name)[0].verdict["rule"] == "shutdown"
