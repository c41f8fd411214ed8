"""Stop really stops: every way to end a run, against tools that do not want to."""

import os
import signal
import time

import pytest

from adapters.process import EndedBy, Ending, run_process
from adapters.process.keeper import tree
from tests.adapters.process.conftest import SIGN_IN, STUBBORN, STUBBORN_COUNT, Bench, log_of, wait_for


def gone(pids: list[int]) -> bool:
    return not any(tree.alive(pid, tree.starttime_of(pid)) for pid in pids)


def cancelled(bench: Bench, source: str, count: int, grace_s: float | None = None, **changes: object) -> Ending:
    shim = bench.shim(bench.spec(bench.tool(source), **changes))
    pids = bench.pids(count)
    assert shim.cancel(grace_s)
    ending = shim.wait(8)
    assert ending is not None
    assert gone(pids)
    return ending


def test_cancel_ends_a_tree_that_ignores_term_changed_session_and_forked_twice(bench: Bench) -> None:
    ending = cancelled(bench, STUBBORN, STUBBORN_COUNT)
    assert (ending.ended_by, ending.signal, ending.survivors) == (EndedBy.CANCEL, signal.SIGKILL, 0)
    assert ending.killed == STUBBORN_COUNT
    assert 0.2 <= ending.stop_s < 2


def test_cancel_without_grace_is_at_once(bench: Bench) -> None:
    ending = cancelled(bench, STUBBORN, STUBBORN_COUNT, grace_s=0.0)
    assert ending.stop_s < 1
    assert ending.survivors == 0


def test_a_tool_that_takes_term_ends_in_its_own_way_with_its_last_words(bench: Bench) -> None:
    source = SIGN_IN + "signal.signal(15, lambda *_: (print('bye'), sys.exit(5))); sign_in(); time.sleep(60)"
    spec = bench.spec(bench.tool(source), grace_s=5)
    shim = bench.shim(spec)
    bench.pids(1)
    shim.cancel()
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.exit_code, ending.signal, ending.ended_by) == (5, None, EndedBy.CANCEL)
    assert ending.stop_s < 4
    assert log_of(spec) == b"bye\n"


def test_term_is_sent_once_to_each_process(bench: Bench) -> None:
    source = (
        SIGN_IN
        + """
os.fork()
signal.signal(15, lambda *_: os.write(1, b"term\\n"))
sign_in()
end = time.monotonic() + 60
while time.monotonic() < end: time.sleep(1)
"""
    )
    spec = bench.spec(bench.tool(source))
    shim = bench.shim(spec)
    bench.pids(2)
    shim.cancel()
    assert shim.wait(5) is not None
    assert log_of(spec) == b"term\nterm\n"


def test_a_stopped_process_is_ended_too(bench: Bench) -> None:
    ending = cancelled(bench, SIGN_IN + "sign_in(); os.kill(os.getpid(), signal.SIGSTOP)", 1, grace_s=3.0)
    assert ending.signal == signal.SIGTERM
    assert ending.stop_s < 2


def test_a_process_that_forks_on_and_on_is_caught(bench: Bench) -> None:
    source = (
        SIGN_IN
        + """
deaf(); sign_in()
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.002)
"""
    )
    shim = bench.shim(bench.spec(bench.tool(source)))
    ending = shim.wait(8)
    assert ending is not None
    assert (ending.ended_by, ending.exit_code, ending.survivors) == (EndedBy.EXIT, 0, 0)
    assert bench.processes() == []


def test_what_a_tool_leaves_behind_is_ended_when_it_exits(bench: Bench) -> None:
    source = (
        SIGN_IN
        + """
if os.fork() == 0:
    os.setsid()
    stay()
while not os.path.exists("pids"): time.sleep(0.005)
print("done")
"""
    )
    spec = bench.spec(bench.tool(source), grace_s=5)
    ending = run_process(spec)
    assert (ending.ended_by, ending.exit_code, ending.killed, ending.survivors) == (EndedBy.EXIT, 0, 1, 0)
    assert gone(bench.pids(1))
    assert ending.stop_s < 1.5  # TERM was enough, no grace had to pass
    assert log_of(spec) == b"done\n"


def test_leftovers_that_ignore_term_hold_the_pipe_no_longer_than_their_grace(bench: Bench) -> None:
    source = (
        SIGN_IN
        + """
if os.fork() == 0:
    deaf()
    stay()
while not os.path.exists("pids"): time.sleep(0.005)
"""
    )
    ending = run_process(bench.spec(bench.tool(source), grace_s=0.3))
    assert (ending.ended_by, ending.exit_code, ending.killed) == (EndedBy.EXIT, 0, 1)
    assert 0.3 <= ending.stop_s < 2
    assert gone(bench.pids(1))


def test_a_process_without_descent_but_with_the_marker_is_found(bench: Bench) -> None:
    """As `at` or a running tmux server would start it: our environment, somebody else's child."""
    spec = bench.spec(bench.tool(SIGN_IN + "sign_in(); time.sleep(60)"))
    shim = bench.shim(spec)
    bench.pids(1)
    stranger = os.fork()
    if stranger == 0:
        os.execve("/bin/sleep", ["sleep", "60"], {"ENGINE_ATTEMPT_MARKER": spec.marker})
    try:
        wait_for(lambda: any(process.pid == stranger for process in bench.processes()))
        shim.cancel()
        ending = shim.wait(5)
        assert ending is not None
        assert (ending.killed, ending.survivors) == (2, 0)
    finally:
        assert os.WTERMSIG(os.waitpid(stranger, 0)[1]) == signal.SIGTERM


def test_wall_clock_ends_a_run(bench: Bench) -> None:
    ending = run_process(bench.spec(bench.tool("while True: print('.', flush=True); time.sleep(0.01)"), timeout_s=0.3))
    assert (ending.ended_by, ending.signal) == (EndedBy.TIMEOUT, signal.SIGTERM)
    assert 0.3 <= ending.duration_s < 1.5
    assert "0.3 s" in ending.error


def test_silence_ends_a_run_and_output_does_not(bench: Bench) -> None:
    source = "for n in range(8): print(n, flush=True); time.sleep(0.1)\ntime.sleep(60)"
    spec = bench.spec(bench.tool(source), idle_timeout_s=0.4)
    ending = run_process(spec)
    assert ending.ended_by == EndedBy.IDLE
    assert ending.duration_s >= 0.8 + 0.3
    assert log_of(spec).split() == [b"%d" % n for n in range(8)]


def test_the_first_cause_is_told_and_a_second_only_hurries(bench: Bench) -> None:
    shim = bench.shim(bench.spec(bench.tool(STUBBORN), grace_s=30))
    pids = bench.pids(STUBBORN_COUNT)
    shim.cancel()
    time.sleep(0.1)
    shim.cancel(0.1)
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.ended_by, ending.survivors) == (EndedBy.CANCEL, 0)
    assert gone(pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_shim_is_a_cancel_with_grace(bench: Bench, number: int) -> None:
    shim = bench.shim(bench.spec(bench.tool(STUBBORN)))
    pids = bench.pids(STUBBORN_COUNT)
    os.kill(shim.pid, number)
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.ended_by, ending.survivors) == (EndedBy.CANCEL, 0)
    assert gone(pids)


def test_a_second_signal_to_the_shim_stops_at_once(bench: Bench) -> None:
    shim = bench.shim(bench.spec(bench.tool(STUBBORN), grace_s=30))
    pids = bench.pids(STUBBORN_COUNT)
    os.kill(shim.pid, signal.SIGTERM)
    time.sleep(0.1)
    os.kill(shim.pid, signal.SIGTERM)
    ending = shim.wait(5)
    assert ending is not None
    assert gone(pids)


def test_a_run_that_ended_by_itself_is_not_called_cancelled(bench: Bench) -> None:
    shim = bench.shim(bench.spec(["true"]))
    ending = shim.wait(5)
    shim.cancel()
    assert ending is not None
    assert ending.ended_by == EndedBy.EXIT


def test_a_flood_of_output_does_not_delay_a_stop(bench: Bench) -> None:
    shim = bench.shim(
        bench.spec(
            bench.tool(SIGN_IN + "deaf(); sign_in()\nwhile True: os.write(1, b'y\\n' * 5000)"), max_log_bytes=2_000_000
        )
    )
    bench.pids(1)
    begun = time.monotonic()
    shim.cancel(0.2)
    ending = shim.wait(8)
    assert ending is not None
    assert time.monotonic() - begun < 3
    assert ending.log_bytes < 2_001_000
    assert ending.survivors == 0
