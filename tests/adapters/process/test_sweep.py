"""What a sweep may touch, and what it must never touch."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from adapters.process import MARKER_NAME, alive, kill_tree, own_identity, processes_of
from adapters.process.keeper import tree
from tests.adapters.process.conftest import PYTHON, wait_for

MARKER = f"0123456789abcdef-{os.getpid()}"  # two runs of the suite on one host must not find each other's


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "60"], env={MARKER_NAME: MARKER}, start_new_session=True)
    wait_for(lambda: tree.read(f"/proc/{process.pid}/cmdline").startswith(b"sleep"))
    yield process
    process.kill()
    process.wait()


def identity(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    return process.pid, tree.starttime_of(process.pid)


@pytest.mark.parametrize("marker", ["", "short", "fifteen-letters"])
def test_a_short_marker_is_refused(marker: str) -> None:
    with pytest.raises(ValueError, match="by accident"):
        processes_of(marker)
    with pytest.raises(ValueError, match="by accident"):
        kill_tree(marker)


def test_only_the_whole_entry_counts(sleeper: "subprocess.Popen[bytes]") -> None:
    assert [p.pid for p in processes_of(MARKER)] == [sleeper.pid]
    assert processes_of(MARKER[:-1]) == []
    assert processes_of(MARKER + "x") == []


def test_a_process_that_started_before_the_attempt_is_not_ours(sleeper: "subprocess.Popen[bytes]") -> None:
    _, start = identity(sleeper)
    assert processes_of(MARKER, started_after=start + 1) == []
    assert len(processes_of(MARKER, started_after=start)) == 1


def test_a_process_of_another_start_time_is_never_signalled(sleeper: "subprocess.Popen[bytes]") -> None:
    pid, start = identity(sleeper)
    assert not tree.send(pid, start - 1, signal.SIGKILL)
    assert kill_tree("another-marker-of-16", roots=[(pid, start - 1)], sessions=[(pid, start - 1)]).killed == 0
    assert sleeper.poll() is None
    assert tree.send(pid, start, signal.SIGKILL)
    assert sleeper.wait(5) == -signal.SIGKILL


def test_members_of_a_session_are_found_without_marker_and_leader() -> None:
    code = "import os, time\nif os.fork(): time.sleep(0.3); os._exit(0)\ntime.sleep(60)"
    leader = subprocess.Popen([*PYTHON, "-c", code], env={}, start_new_session=True)
    known = identity(leader)
    leader.wait()
    found = processes_of("another-marker-of-16", known[1], sessions=[known])
    assert len(found) == 1
    swept = kill_tree("another-marker-of-16", known[1], sessions=[known])
    assert (swept.killed, swept.survivors) == (1, 0)
    assert not alive(found[0].pid, found[0].starttime)


def test_descendants_of_a_root_go_with_it() -> None:
    code = "import os, time\nif os.fork() == 0: os.setsid()\nprint(1, flush=True)\ntime.sleep(60)"
    root = subprocess.Popen([*PYTHON, "-c", code], env={}, stdout=subprocess.PIPE)
    assert root.stdout is not None
    with root.stdout:
        for _ in range(2):
            root.stdout.readline()
        swept = kill_tree("another-marker-of-16", roots=[identity(root)], grace_s=0.5)
    assert (swept.killed, swept.survivors) == (2, 0)
    assert root.wait(5) == -signal.SIGTERM


def test_who_ignores_term_is_killed_after_the_grace() -> None:
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)"
    deaf = subprocess.Popen([*PYTHON, "-c", code], env={MARKER_NAME: MARKER}, stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    with deaf.stdout:
        deaf.stdout.readline()
        swept = kill_tree(MARKER, grace_s=0.2)
    assert (swept.killed, swept.survivors) == (1, 0)
    assert 0.2 <= swept.seconds < 2
    assert deaf.wait(5) == -signal.SIGKILL


def test_a_sweep_never_ends_the_process_that_sweeps() -> None:
    assert kill_tree("another-marker-of-16", roots=[own_identity()]).survivors == 0


def test_a_zombie_is_not_alive() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        wait_for(lambda: (found := tree.look(child)) is not None and found.state == "Z")
        assert not alive(child, tree.starttime_of(child))
    finally:
        os.waitpid(child, 0)


def test_this_process_is_alive_and_others_with_its_pid_are_not() -> None:
    pid, start = own_identity()
    assert alive(pid, start)
    assert not alive(pid, start + 1)
    assert not alive(0, 0)
    assert not alive(-1, start)


def test_without_proc_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "HAS_PROC", False)
    monkeypatch.setattr(tree, "HAS_CHILDREN", False)
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert child.pid in [p.pid for p in tree.descendants([os.getpid()])]
        assert tree.alive(child.pid, 0)
        assert tree.marked(MARKER) == []
        assert tree.starttime_of(child.pid) == 0
        assert tree.send(child.pid, 0, signal.SIGTERM)
    finally:
        assert child.wait(5) == -signal.SIGTERM
    assert not tree.alive(child.pid, 0)


def test_parent_links_and_child_lists_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, time\nos.fork()\nprint(1, flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([*PYTHON, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        for _ in range(2):
            child.stdout.readline()
        by_lists = {p.key for p in tree.descendants([child.pid])}
        monkeypatch.setattr(tree, "HAS_CHILDREN", False)
        assert {p.key for p in tree.descendants([child.pid])} == by_lists
        assert len(by_lists) == 1
        kill_tree("another-marker-of-16", roots=[identity(child)])
    child.wait()
