"""Many attempts in one keeper: each is stopped, reported and proved to be gone by itself."""

import os
import resource
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.process import EndedBy, Keeper, KeeperPool, Running, kill_attempt, processes_of, read_ending
from adapters.process.keeper import tree
from adapters.process.keeper.limits import RLIMIT_LOCKS
from adapters.process.spec import tag_for
from tests.adapters.process.conftest import SIGN_IN, STUBBORN, STUBBORN_COUNT, Bench, log_of, wait_for
from tests.adapters.process.test_stop import gone

# Leaves the session, the environment and its parent; only its tag is left.
HIDES = (
    SIGN_IN
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sh", ["sh", "-c", "echo > pids/$$; exec sleep 60"], {"PATH": os.environ["PATH"]})
    os._exit(0)
"""
)
CHANGES_ITS_TAG = "import resource\nresource.setrlimit(10, (7, resource.getrlimit(10)[1]))\n"


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper.spawn()
    yield keeper
    keeper.close()


def test_a_tool_leaves_no_core_file_unless_its_limits_say_so(keeper: Keeper, bench: Bench) -> None:
    source = "import resource\nprint(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    plain, asked = bench.spec(bench.tool(source)), bench.spec(bench.tool(source), rlimits={"core": (4096, 4096)})
    finish(keeper, keeper.start(plain), keeper.start(asked))
    assert (log_of(plain), log_of(asked)) == (b"0\n", b"4096\n")


def finish(keeper: Keeper, *runs: Running, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while any(run.ending is None for run in runs):
        assert time.monotonic() < until, "an attempt does not end"
        keeper.wait(0.5)
        if keeper.gone:
            keeper.reap()


def started(keeper: Keeper, count: int) -> dict[Running, int]:
    """Tool pids of the next `count` attempts that report their start."""
    pids: dict[Running, int] = {}

    def come() -> bool:
        pids.update((event.running, event.content["pid"]) for event in keeper.wait(0.2) if event.kind == "started")
        return len(pids) == count

    wait_for(come, 30)
    return pids


def folder(bench: Bench, name: str) -> str:
    (bench.root / name / "pids").mkdir(parents=True)
    return str(bench.root / name)


def test_of_200_attempts_each_third_is_cancelled_and_the_others_are_not_touched(bench: Bench, keeper: Keeper) -> None:
    runs = [keeper.start(bench.spec(["sleep", "600"])) for _ in range(200)]
    pids = started(keeper, 200)
    cancelled, others = runs[::3], [run for number, run in enumerate(runs) if number % 3]
    for run in cancelled:
        keeper.stop(run)
    finish(keeper, *cancelled)
    assert {(run.ending.ended_by, run.ending.killed, run.ending.survivors) for run in cancelled if run.ending} == {
        (EndedBy.CANCEL, 1, 0)
    }
    assert gone([pids[run] for run in cancelled])
    assert all(tree.alive(pids[run], tree.starttime_of(pids[run])) for run in others)
    assert not any(run.ending for run in others)
    keeper.close()
    assert gone(list(pids.values()))
    assert all(read_ending(run.attempt_dir) for run in runs)


def test_many_outputs_at_once_are_byte_exact(bench: Bench, keeper: Keeper) -> None:
    blob = os.urandom(3_000_000)
    (bench.root / "blob").write_bytes(blob)
    runs = [keeper.start(bench.spec(["cat", "blob"], streams=streams)) for streams in ("merged", "split") * 10]
    finish(keeper, *runs)
    for run in runs:
        assert run.ending is not None
        assert (run.ending.exit_code, run.ending.log_bytes) == (0, len(blob))
        assert log_of(run) == blob


def test_a_flood_does_not_hold_up_another_attempt(bench: Bench, keeper: Keeper) -> None:
    floods = [keeper.start(bench.spec(["yes"], max_log_bytes=1_000_000)) for _ in range(4)]
    started(keeper, 4)
    begun = time.monotonic()
    quick = keeper.start(bench.spec(["true"]))
    finish(keeper, quick)
    assert time.monotonic() - begun < 5
    for flood in floods:
        keeper.stop(flood)
    finish(keeper, *floods)


def test_what_hides_is_ended_with_its_own_attempt_and_no_other(bench: Bench, keeper: Keeper) -> None:
    specs = [bench.spec(bench.tool(HIDES + "stay()"), cwd=folder(bench, name)) for name in "abc"]
    runs = [keeper.start(spec) for spec in specs]
    pids = [bench.pids(2, f"{name}/pids") for name in "abc"]
    keeper.stop(runs[1])
    finish(keeper, runs[1])
    assert runs[1].ending is not None
    assert (runs[1].ending.killed, runs[1].ending.survivors) == (2, 0)
    assert gone(pids[1])
    assert all(tree.alive(pid, tree.starttime_of(pid)) for pid in pids[0] + pids[2])


def test_what_a_tool_leaves_hidden_is_ended_before_its_exit_is_reported(bench: Bench, keeper: Keeper) -> None:
    waits = "while len(os.listdir('pids')) < 1: time.sleep(0.005)\n"
    other = keeper.start(bench.spec(["sleep", "60"]))
    run = keeper.start(bench.spec(bench.tool(HIDES + waits), cwd=folder(bench, "a")))
    finish(keeper, run)
    assert run.ending is not None
    assert (run.ending.ended_by, run.ending.exit_code, run.ending.killed) == (EndedBy.EXIT, 0, 1)
    assert gone(bench.pids(1, "a/pids"))
    assert other.ending is None


def test_an_orphan_with_a_changed_tag_is_ended_with_the_only_attempt_that_could_own_it(
    bench: Bench, keeper: Keeper
) -> None:
    run = keeper.start(bench.spec(bench.tool(CHANGES_ITS_TAG + HIDES + "stay()"), cwd=folder(bench, "a")))
    pids = bench.pids(2, "a/pids")
    keeper.stop(run)
    finish(keeper, run)
    assert run.ending is not None
    assert run.ending.survivors == 0
    assert gone(pids)


def test_an_orphan_that_two_attempts_could_own_lives_no_longer_than_both(bench: Bench, keeper: Keeper) -> None:
    """It is never ended while the other one could own it, and it never outlives the last."""
    first = keeper.start(bench.spec(bench.tool(CHANGES_ITS_TAG + SIGN_IN + "stay()"), cwd=folder(bench, "a")))
    bench.pids(1, "a/pids")
    second = keeper.start(bench.spec(bench.tool(CHANGES_ITS_TAG + HIDES + "stay()"), cwd=folder(bench, "b")))
    pids = bench.pids(2, "b/pids")
    keeper.stop(first)
    finish(keeper, first)
    assert all(tree.alive(pid, tree.starttime_of(pid)) for pid in pids)
    keeper.stop(second)
    finish(keeper, second)
    assert gone(pids)


def test_a_tool_without_its_tag_is_still_ended_by_descent_and_session(bench: Bench, keeper: Keeper) -> None:
    other = keeper.start(bench.spec(["sleep", "60"]))
    source = CHANGES_ITS_TAG + SIGN_IN + "deaf()\nos.fork()\nos.fork()\nstay()"
    run = keeper.start(bench.spec(bench.tool(source), cwd=folder(bench, "a")))
    pids = bench.pids(4, "a/pids")
    keeper.stop(run)
    finish(keeper, run)
    assert run.ending is not None
    assert (run.ending.killed, run.ending.survivors) == (4, 0)
    assert gone(pids)
    assert other.ending is None


def test_a_tool_that_forks_and_forks_is_ended(bench: Bench, keeper: Keeper) -> None:
    source = """
end = time.monotonic() + 60
if os.fork(): time.sleep(60)  # the tool itself stays, or the attempt would end at once
for _ in range(5): os.fork()
while time.monotonic() < end:
    if os.fork() == 0: os.setsid()
    else: os._exit(0)
    time.sleep(0.05)
"""
    other = keeper.start(bench.spec(["sleep", "60"]))
    spec = bench.spec(bench.tool(source))
    run = keeper.start(spec)
    wait_for(lambda: len(processes_of(spec.marker)) >= 10)
    keeper.stop(run)
    finish(keeper, run)
    assert run.ending is not None
    assert run.ending.survivors == 0
    assert processes_of(spec.marker) == []
    assert other.ending is None


def test_a_tool_is_born_with_its_tag_and_the_keeper_keeps_its_own(bench: Bench, keeper: Keeper) -> None:
    spec = bench.spec(["sh", "-c", "ulimit -n; exec sleep 60"])
    keeper.start(spec)
    (pid,) = started(keeper, 1).values()
    assert tree.tag_of(pid) == tag_for(spec.marker)
    assert tree.tag_of(keeper.pid) == tree.tag_of(os.getpid())
    wait_for(lambda: log_of(spec))
    assert int(log_of(spec)) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert resource.getrlimit(RLIMIT_LOCKS)[0] != tree.tag_of(pid)


def test_a_silent_runner_loses_all_attempts_that_have_a_watchdog(bench: Bench, keeper: Keeper) -> None:
    watched = [keeper.start(bench.spec(["sleep", "60"], dead_man_s=1.0)) for _ in range(3)]
    unwatched = keeper.start(bench.spec(["sleep", "60"], dead_man_s=None))
    for _ in range(4):
        keeper.heartbeat(1.0)
        keeper.wait(0.4)
    assert not any(run.ending for run in watched)
    finish(keeper, *watched)
    assert {run.ending.ended_by for run in watched if run.ending} == {EndedBy.DEADMAN}
    assert unwatched.ending is None


def test_a_frozen_keeper_is_killed_by_its_runner(bench: Bench, keeper: Keeper) -> None:
    runs = [keeper.start(bench.spec(bench.tool(STUBBORN), cwd=folder(bench, name))) for name in "ab"]
    pids = [pid for name in "ab" for pid in bench.pids(STUBBORN_COUNT, f"{name}/pids")]
    keeper.wait_until_ready()
    os.kill(keeper.pid, signal.SIGSTOP)
    finish(keeper, *runs)
    assert {run.ending.ended_by for run in runs if run.ending} == {EndedBy.LIFELINE}
    assert gone(pids)


def test_a_keeper_that_is_released_finishes_its_attempts_and_goes(bench: Bench, keeper: Keeper) -> None:
    run = keeper.start(bench.spec(["sh", "-c", "sleep 0.3; exit 3"]))
    started(keeper, 1)
    keeper.release()
    refused = keeper.start(bench.spec(["true"]))
    finish(keeper, run, refused)
    assert run.ending is not None and run.ending.exit_code == 3
    assert refused.ending is not None and refused.ending.ended_by == EndedBy.SPAWN_ERROR
    wait_for(lambda: keeper.wait(0.1) == [] and keeper.gone)


def test_attempts_leave_no_open_files_in_the_keeper(bench: Bench, keeper: Keeper) -> None:
    def files() -> int:
        try:
            return len(list(Path(f"/proc/{keeper.pid}/fd").iterdir()))
        except PermissionError:
            pytest.skip("only root may look into the keeper")

    def some() -> None:
        argvs: list[tuple[list[str], dict[str, object]]] = [
            (["true"], {}),
            (["echo", "error"], {"streams": "split"}),
            (["no-such-tool"], {}),
            (["true"], {"stdin": b"x" * 100_000}),
            (["true"], {"copy_to": "/nowhere/log"}),
            (["true"], {"user": "no-such-user"}),
            (["true"], {"rlimits": {"nofile": (9, 3)}}),
            (["sleep", "60"], {"timeout_s": 0.05}),
        ]
        finish(keeper, *[keeper.start(bench.spec(argv, **changes)) for argv, changes in argvs])

    some()
    before = files()
    for _ in range(5):
        some()
    assert files() == before


def test_a_forked_child_does_not_keep_the_keeper_of_its_parent(bench: Bench) -> None:
    pool = KeeperPool()
    keeper, run = pool.start(bench.spec(["sleep", "60"]), key="a")
    (pid,) = started(keeper, 1).values()
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        keeper._channel.close()  # as if this process had ended
        wait_for(lambda: gone([pid]))
        assert run.ending is None
        keeper.gone = True
        assert pool.replace(keeper) == [run]
        assert run.ending is not None and run.ending.ended_by == EndedBy.LIFELINE
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_sweep_of_one_attempt_spares_the_keeper_of_the_others(bench: Bench, keeper: Keeper) -> None:
    lost, other = bench.spec(["sleep", "60"]), bench.spec(["sleep", "60"])
    runs = [keeper.start(lost), keeper.start(other)]
    pids = started(keeper, 2)
    swept = kill_attempt(lost.attempt_dir, lost.marker, spare_keeper=True)
    assert swept.killed >= 1 and processes_of(lost.marker) == []
    finish(keeper, runs[0])
    assert runs[0].ending is not None and runs[0].ending.signal == signal.SIGKILL
    assert runs[1].ending is None and not gone([pids[runs[1]]])


def test_a_pool_spreads_attempts_by_key_and_number(bench: Bench) -> None:
    pool = KeeperPool(max_attempts=2)
    try:
        placed = [pool.start(bench.spec(["sleep", "60"]), key=key)[0] for key in "aabaa"]
        assert placed[0] is placed[1]
        assert placed[0] is not placed[2]
        assert placed[3] not in (placed[0], placed[2])
        assert placed[4] is placed[3]
        assert len(pool.keepers) == 3
    finally:
        pool.close()


def test_an_unused_marker_is_never_shared(bench: Bench) -> None:
    tags = {tag_for(secrets.token_hex(16)) for _ in range(1000)}
    assert len(tags) == 1000
    assert all(1 << 61 <= tag < 1 << 62 for tag in tags)


def test_the_death_of_a_keeper_takes_no_attempt_of_another_one(bench: Bench, keeper: Keeper) -> None:
    other = Keeper.spawn()
    try:
        lost, kept = keeper.start(bench.spec(["sleep", "60"])), other.start(bench.spec(["sleep", "60"]))
        started(keeper, 1)
        started(other, 1)
        os.kill(keeper.pid, signal.SIGKILL)
        finish(keeper, lost)
        other.wait(0.2)
        assert kept.ending is None
    finally:
        other.close()
