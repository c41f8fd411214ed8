"""A run that nobody disturbs, and one that cannot begin."""

import json
import os
import pwd
import signal
import time
from pathlib import Path

import pytest

from adapters.process import MARKER_NAME, EndedBy, LogFile, Shim, ShimError, read_ending, run_process
from adapters.process.keeper import tree
from tests.adapters.process.conftest import Bench, log_of, wait_for


def test_output_exit_code_and_record_agree(bench: Bench) -> None:
    spec = bench.spec(bench.tool("print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    ending = run_process(spec)
    assert (ending.ended_by, ending.exit_code, ending.signal, ending.error) == (EndedBy.EXIT, 3, None, "")
    assert log_of(spec) == b"out\nerr\n"
    assert (ending.log_bytes, ending.log_lines, ending.killed, ending.survivors) == (8, 2, 0, 0)
    assert read_ending(spec.attempt_dir) == ending
    assert ending.rusage["max_rss_kb"] > 0


def test_a_tool_killed_by_a_signal_says_so(bench: Bench) -> None:
    ending = run_process(bench.spec(bench.tool("os.kill(os.getpid(), 11)")))
    assert (ending.ended_by, ending.exit_code, ending.signal) == (EndedBy.EXIT, None, signal.SIGSEGV)


def test_events_tell_start_progress_and_end_in_order(bench: Bench) -> None:
    events: list[dict[str, object]] = []
    run_process(bench.spec(bench.tool(r"os.write(1, b'one\n'); time.sleep(0.3); os.write(1, b'two\n')")), events.append)
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "exit")
    progress = [event for event in events if event["event"] == "progress"]
    assert progress[0]["bytes"] == 4
    assert progress[0]["lines"] == 1


def test_pid_json_names_tool_and_shim(bench: Bench) -> None:
    spec = bench.spec(["sleep", "30"])
    shim = bench.shim(spec)
    path = Path(spec.attempt_dir) / "pid.json"
    wait_for(path.exists)
    facts = json.loads(path.read_text())
    assert facts["shim_pid"] == shim.pid
    assert os.getsid(facts["pid"]) == facts["pid"] == facts["session"]


@pytest.mark.parametrize("streams", ["merged", "split"])
def test_bytes_that_are_no_text_stay_as_they_are(bench: Bench, streams: str) -> None:
    blob = bytes(range(256)) * 5000
    (bench.root / "blob").write_bytes(blob)
    spec = bench.spec(["cat", "blob"], streams=streams)
    assert run_process(spec).log_bytes == len(blob)
    assert log_of(spec) == blob


def test_a_million_lines_are_all_there(bench: Bench) -> None:
    spec = bench.spec(["seq", "1000000"])
    ending = run_process(spec)
    assert ending.log_lines == 1_000_000
    log = LogFile(spec.attempt_dir)
    assert [line.raw for line in log.read_lines(765_432, 2)] == [b"765432", b"765433"]
    assert log.lines_total == 1_000_000


def test_a_flood_of_lines_does_not_grow_the_shim(bench: Bench) -> None:
    line = "a line of a hundred bytes, more or less, as a chatty test suite may write them for hours and hours"
    spec = bench.spec(["sh", "-c", f"yes '{line}' | head -n 600000; sleep 30"], secrets=["not-in-there"])
    shim = bench.shim(spec)
    wait_for(lambda: LogFile(spec.attempt_dir).size == 600_000 * (len(line) + 1), 20)
    status = Path(f"/proc/{shim.pid}/status").read_text()
    assert int(status.split("VmHWM:")[1].split()[0]) < 40_000


def test_output_without_line_breaks_is_kept(bench: Bench) -> None:
    spec = bench.spec(bench.tool("sys.stdout.write('x' * 3_000_000)"))
    ending = run_process(spec)
    assert (ending.log_bytes, ending.log_lines) == (3_000_000, 1)


def test_a_tool_that_closes_its_output_is_waited_for(bench: Bench) -> None:
    spec = bench.spec(bench.tool("print('last words'); os.close(1); os.close(2); time.sleep(0.2); os._exit(7)"))
    ending = run_process(spec)
    assert ending.exit_code == 7
    assert ending.duration_s >= 0.2
    assert log_of(spec) == b"last words\n"


def test_secrets_are_masked_before_they_reach_the_disk(bench: Bench) -> None:
    spec = bench.spec(
        bench.tool("print('key', sys.argv[1]); time.sleep(0.1)", "s3cr3t-s3cr3t"), secrets=["s3cr3t-s3cr3t"]
    )
    assert run_process(spec).exit_code == 0
    assert log_of(spec) == b"key ***\n"
    for path in Path(spec.attempt_dir).iterdir():
        assert b"s3cr3t-s3cr3t" not in path.read_bytes()


def test_stdin_is_closed_when_there_is_none(bench: Bench) -> None:
    spec = bench.spec(["cat"])
    assert run_process(spec).exit_code == 0
    assert log_of(spec) == b""


def test_stdin_larger_than_any_pipe_is_given_without_deadlock(bench: Bench) -> None:
    text = os.urandom(3_000_000)
    spec = bench.spec(["cat"], stdin=text)
    assert run_process(spec).exit_code == 0
    assert log_of(spec) == text


def test_a_tool_may_leave_its_stdin_unread(bench: Bench) -> None:
    ending = run_process(bench.spec(bench.tool("os.close(0); time.sleep(0.1); print('ok')"), stdin=b"x" * 5_000_000))
    assert (ending.exit_code, ending.ended_by) == (0, EndedBy.EXIT)


def test_the_tool_sees_its_own_environment_and_nothing_of_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_SECRET_KEY", "server's own")
    spec = bench.spec(["env"], env={"A": "1", "PATH": "/usr/bin:/bin"})
    run_process(spec)
    wanted = ["A=1", f"{MARKER_NAME}={spec.marker}", "PATH=/usr/bin:/bin"]
    assert sorted(log_of(spec).decode().splitlines()) == sorted(wanted)


def test_the_tool_starts_with_default_signals_in_its_own_session(bench: Bench) -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        source = """
bad = [n for n in signal.valid_signals() if n not in (9, 19) and signal.getsignal(n) == signal.SIG_IGN]
print(bad, signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getsid(0) == os.getpid(), oct(os.umask(0)))
"""
        # A bare interpreter ignores SIGPIPE and SIGXFSZ by itself, so /bin/sh is asked.
        spec = bench.spec(["sh", "-c", "grep -E 'Sig(Ign|Blk)' /proc/self/status"])
        run_process(spec)
        _, blocked, _, ignored = log_of(spec).split()
        assert int(blocked, 16) == 0
        assert int(ignored, 16) & ~0x1_8000_0000 == 0  # 32 and 33 belong to the C library, nobody can set them
        spec = bench.spec(bench.tool(source))
        run_process(spec)
        assert log_of(spec).endswith(b"set() True 0o77\n")
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_no_file_of_the_shim_reaches_the_tool(bench: Bench) -> None:
    spec = bench.spec(["sh", "-c", "ls /proc/self/fd"], stdin=b"x", streams="split")
    run_process(spec)
    assert log_of(spec).split() == [b"0", b"1", b"2", b"3"]  # 3 is ls's own


def test_limits_are_set_for_the_tool(bench: Bench) -> None:
    spec = bench.spec(["sh", "-c", "ulimit -n; ulimit -c"], rlimits={"nofile": 77, "core": (0, 0)})
    run_process(spec)
    assert log_of(spec).split() == [b"77", b"0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a tool as somebody else")
def test_a_tool_of_another_user_dies_with_the_shim_and_so_does_its_daemon(bench: Bench) -> None:
    script = "trap '' TERM; id -un; setsid sh -c \"trap '' TERM; echo up; sleep 30; sleep 30\" & wait; sleep 30"
    spec = bench.spec(["sh", "-c", script], user="nobody", cwd="/")
    shim = bench.shim(spec)
    wait_for(lambda: (Path(spec.attempt_dir) / "output.log").exists() and log_of(spec) == b"nobody\nup\n")
    os.kill(shim.pid, signal.SIGKILL)
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.ended_by, ending.survivors) == (EndedBy.LIFELINE, 0)
    assert tree.marked(spec.marker, uids=(os.geteuid(), pwd.getpwnam("nobody").pw_uid)) == []


def test_a_worker_that_never_reads_does_not_hold_up_the_run(bench: Bench) -> None:
    spec = bench.spec(bench.tool("print('x\\n' * 100_000)"))
    bench.shim(spec)
    ending = wait_for(lambda: read_ending(spec.attempt_dir))
    assert ending.log_lines == 100_001


def test_a_cancel_right_behind_the_start_is_not_lost(bench: Bench) -> None:
    shim = bench.shim()
    os.kill(shim.pid, signal.SIGSTOP)  # so that both orders wait in the pipe together
    shim.start(bench.spec(["sleep", "60"]))
    assert shim.cancel()
    os.kill(shim.pid, signal.SIGCONT)
    ending = shim.wait(5)
    assert ending is not None
    assert ending.ended_by == EndedBy.CANCEL


def test_orders_that_make_no_sense_change_nothing(bench: Bench) -> None:
    shim = bench.shim(bench.spec(["sleep", "60"], dead_man_s=None))
    nonsense = (
        {"op": "heartbeat", "s": "long"},
        {"op": "stop"},
        {"op": "stop", "id": -7},  # the runs of this process have numbers from 1
        {"op": "dance"},
        {"op": "start"},
        {"op": "start", "id": "one", "spec": {}},
        {},
    )
    for order in nonsense:
        assert shim._keeper._channel.send(order)
    assert shim.wait(0.2) is None
    assert shim.cancel(0.0)
    ending = shim.wait(5)
    assert ending is not None
    assert ending.ended_by == EndedBy.CANCEL


def test_a_shim_runs_once(bench: Bench) -> None:
    shim = bench.shim(bench.spec(["true"]))
    with pytest.raises(ShimError, match="runs once"):
        shim.start(bench.spec(["true"]))


def test_an_idle_shim_goes_with_its_worker_and_on_request(bench: Bench) -> None:
    for end in (lambda shim: shim.kill(), lambda shim: os.kill(shim.pid, signal.SIGTERM)):
        shim = bench.shim()
        end(shim)
        wait_for(lambda shim=shim: not shim.alive)


def test_a_dead_shim_refuses_a_run(bench: Bench) -> None:
    shim = bench.shim()
    os.kill(shim.pid, signal.SIGKILL)
    wait_for(lambda: not shim.alive)
    with pytest.raises(ShimError):
        shim.start(bench.spec(["true"], stdin=b"x" * 1_000_000))


def test_split_streams_keep_json_lines_whole(bench: Bench) -> None:
    source = """
for n in range(50):
    os.write(1, b'{"n": %d, "part' % n); os.write(2, b"warning %d\\n" % n); os.write(1, b'": 1}\\n')
    os.write(2, b"\\x1b[0m")
    time.sleep(0.001)
"""
    spec = bench.spec(bench.tool(source), streams="split")
    run_process(spec)
    lines = log_of(spec).split(b"\n")
    found = [json.loads(line) for line in lines if line.startswith(b"{")]
    assert [row["n"] for row in found] == list(range(50))
    assert sum(b"warning" in line for line in lines) == 50


def test_an_unfinished_line_of_stderr_is_shown_after_a_second(bench: Bench) -> None:
    source = "os.write(1, b'{\"a\"'); os.write(2, b'Password: '); time.sleep(1.3); os.write(1, b': 1}\\n')"
    spec = bench.spec(bench.tool(source), streams="split")
    shim = bench.shim(spec)
    wait_for(lambda: (Path(spec.attempt_dir) / "output.log").exists() and log_of(spec) == b"Password: ")
    assert shim.wait(5) is not None
    assert log_of(spec) == b'Password: \n{"a": 1}\n'


def test_two_shims_of_one_worker_do_not_keep_each_other_alive(bench: Bench) -> None:
    first, second = Shim.spawn(), Shim.spawn()
    first.kill()
    wait_for(lambda: not first.alive)
    assert second.alive
    second.close()
    first.close()


def test_run_process_needs_no_other_thread_or_child(bench: Bench) -> None:
    begun = time.monotonic()
    assert run_process(bench.spec(["true"])).exit_code == 0
    assert time.monotonic() - begun < 5
