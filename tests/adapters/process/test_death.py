"""Whoever dies or freezes, worker or shim: the tree dies too, and nothing is left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from adapters.process import EndedBy, Ending, Spec, alive, kill_attempt, read_ending
from adapters.process.waiting import readable
from tests.adapters.process.conftest import SIGN_IN, STUBBORN, STUBBORN_COUNT, Bench, wait_for
from tests.adapters.process.test_stop import gone

REPOSITORY = Path(__file__).parents[3]
WORKER = """
import json, sys
from adapters.process import Spec, run_process
wish = json.loads(sys.argv[1])
try:
    print(run_process(Spec(**wish)).ended_by, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def worker(spec: Spec) -> "subprocess.Popen[str]":
    names = ("argv", "env", "cwd", "marker", "grace_s", "dead_man_s", "use_cgroup")
    wish = {**{name: getattr(spec, name) for name in names}, "attempt_dir": str(spec.attempt_dir)}
    command = [sys.executable, "-c", WORKER, json.dumps(wish)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True)


def kill_together(keeper: int, guard: int) -> None:
    """Neither can do anything about the other's death."""
    for pid in (guard, keeper):
        os.kill(pid, signal.SIGSTOP)
    for pid in (guard, keeper):
        os.kill(pid, signal.SIGKILL)


def ending_of(spec: Spec) -> Ending:
    return wait_for(lambda: read_ending(spec.attempt_dir))


def facts_of(spec: Spec) -> dict[str, Any]:
    path = Path(spec.attempt_dir) / "pid.json"
    wait_for(path.exists)
    return json.loads(path.read_text())


def test_when_the_worker_is_killed_the_tree_dies_at_once(bench: Bench) -> None:
    spec = bench.spec(bench.tool(STUBBORN), grace_s=30)
    with worker(spec) as process:
        pids = bench.pids(STUBBORN_COUNT)
        begun = time.monotonic()
        process.kill()
        wait_for(lambda: gone(pids))
        assert time.monotonic() - begun < 1.5
    ending = ending_of(spec)
    assert (ending.ended_by, ending.survivors, ending.killed) == (EndedBy.LIFELINE, 0, STUBBORN_COUNT)


def test_a_frozen_worker_loses_its_run_and_learns_it_when_it_wakes(bench: Bench) -> None:
    spec = bench.spec(bench.tool(STUBBORN), grace_s=30, dead_man_s=0.8)
    with worker(spec) as process:
        pids = bench.pids(STUBBORN_COUNT)
        time.sleep(0.9)  # it is extended while the worker lives
        assert not gone(pids)
        process.send_signal(signal.SIGSTOP)
        try:
            ending = ending_of(spec)
            assert (ending.ended_by, ending.survivors) == (EndedBy.DEADMAN, 0)
            assert gone(pids)
        finally:
            process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=5)[0] == "deadman\n"


def test_ctrl_c_in_the_worker_cancels_with_grace_and_is_raised_again(bench: Bench) -> None:
    spec = bench.spec(bench.tool(SIGN_IN + "sign_in(); time.sleep(60)"), grace_s=5)
    with worker(spec) as process:
        pids = bench.pids(1)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=5)[0] == "interrupted\n"
    assert gone(pids)
    ending = ending_of(spec)
    assert (ending.ended_by, ending.signal) == (EndedBy.CANCEL, signal.SIGTERM)


def test_closing_the_control_pipe_kills_without_grace(bench: Bench) -> None:
    shim = bench.shim(bench.spec(bench.tool(STUBBORN), grace_s=30))
    pids = bench.pids(STUBBORN_COUNT)
    shim.kill()
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.ended_by, ending.survivors) == (EndedBy.LIFELINE, 0)
    assert ending.stop_s < 1
    assert gone(pids)


def test_a_worker_that_dies_in_the_grace_of_a_cancel_ends_the_grace(bench: Bench) -> None:
    shim = bench.shim(bench.spec(bench.tool(STUBBORN), grace_s=30))
    pids = bench.pids(STUBBORN_COUNT)
    shim.cancel()
    shim.kill()
    ending = shim.wait(5)
    assert ending is not None
    assert ending.ended_by == EndedBy.CANCEL
    assert gone(pids)


def test_the_watchdog_expires_without_a_heartbeat_and_not_before(bench: Bench) -> None:
    shim = bench.shim(bench.spec(["sleep", "60"], dead_man_s=0.4))
    for _ in range(4):
        assert shim.wait(0.2) is None
        assert shim.extend(0.4)
    ending = shim.wait(5)
    assert ending is not None
    assert ending.ended_by == EndedBy.DEADMAN
    assert ending.duration_s > 0.8


def test_a_killed_shim_leaves_nothing_when_its_worker_looks(bench: Bench) -> None:
    spec = bench.spec(bench.tool(STUBBORN))
    shim = bench.shim(spec)
    pids = bench.pids(STUBBORN_COUNT)
    os.kill(shim.pid, signal.SIGKILL)
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.ended_by, ending.survivors) == (EndedBy.LIFELINE, 0)
    assert "signal 9" in ending.error
    assert gone(pids)
    assert not shim.extend(1)
    assert not shim.cancel()


def test_upkeep_finds_the_tree_of_a_keeper_that_was_killed_together_with_its_guard(bench: Bench) -> None:
    """The twice-forked daemon has neither marker nor session nor parent: its tag leads to it."""
    spec = bench.spec(bench.tool(STUBBORN))
    shim = bench.shim(spec)
    pids = bench.pids(STUBBORN_COUNT)
    kill_together(shim.pid, facts_of(spec)["guard_pid"])
    swept = kill_attempt(spec.attempt_dir, spec.marker, grace_s=0.1)
    assert swept.killed == STUBBORN_COUNT
    assert swept.survivors == 0
    assert gone(pids)


def test_a_frozen_shim_is_killed_with_everything_below_it(bench: Bench) -> None:
    spec = bench.spec(bench.tool(STUBBORN))
    shim = bench.shim(spec)
    pids, facts = bench.pids(STUBBORN_COUNT), facts_of(spec)
    os.kill(shim.pid, signal.SIGSTOP)
    swept = kill_attempt(spec.attempt_dir, spec.marker)
    assert swept.survivors == 0
    assert gone(pids)
    assert not alive(facts["shim_pid"], facts["shim_starttime"])


def test_closing_a_frozen_shim_is_bounded(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr("adapters.process.runner.END_TIMEOUT_S", 0.3)
    spec = bench.spec(bench.tool(STUBBORN))
    shim = bench.shim(spec)
    pids = bench.pids(STUBBORN_COUNT)
    os.kill(shim.pid, signal.SIGSTOP)
    begun = time.monotonic()
    shim.close()
    assert time.monotonic() - begun < 4
    assert gone(pids)
    assert shim.ending is not None
    assert shim.ending.ended_by == EndedBy.LIFELINE


def test_a_recorded_ending_is_taken_even_if_nobody_heard_it(bench: Bench) -> None:
    spec = bench.spec(["sh", "-c", "exit 4"])
    shim = bench.shim(spec)
    ending_of(spec)
    os.kill(shim.pid, signal.SIGKILL)
    wait_for(lambda: shim.fileno() >= 0 and readable(shim.fileno(), 0))
    os.read(shim.fileno(), 1 << 16)  # the events are lost
    heard = shim.wait(5)
    assert heard is not None
    assert (heard.exit_code, heard.ended_by) == (4, EndedBy.EXIT)


def test_when_the_tool_is_killed_its_leftovers_are_ended_before_the_run_is(bench: Bench) -> None:
    spec = bench.spec(bench.tool(STUBBORN))
    shim = bench.shim(spec)
    pids = bench.pids(STUBBORN_COUNT)
    os.kill(facts_of(spec)["pid"], signal.SIGKILL)
    ending = shim.wait(6)
    assert ending is not None
    assert (ending.ended_by, ending.signal, ending.survivors) == (EndedBy.EXIT, signal.SIGKILL, 0)
    assert ending.killed == STUBBORN_COUNT - 1
    assert gone(pids)
