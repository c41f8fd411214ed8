"""A host without tags or without /proc: the same keeper, with a weaker proof."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.process import EndedBy, Keeper, processes_of
from adapters.process.keeper import tree
from tests.adapters.process.conftest import SIGN_IN, STUBBORN, STUBBORN_COUNT, Bench, log_of
from tests.adapters.process.test_death import facts_of
from tests.adapters.process.test_keeper import finish
from tests.adapters.process.test_stop import gone

ENTRY = """
import sys
sys.path.append({path!r})
from keeper import tree
{change}
from keeper.main import main
main()
"""
NO_TAGS = "tree.tag_of = lambda pid: 0"
NO_PROC = "tree.HAS_PROC = tree.HAS_CHILDREN = False"


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Keeper]]:
    keepers: list[Keeper] = []

    def spawn(change: str) -> Keeper:
        entry = tmp_path / "entry.py"
        entry.write_text(ENTRY.format(path=str(Path(tree.__file__).parents[1]), change=change))
        monkeypatch.setattr("adapters.process.guard_process.ENTRY", entry)
        keepers.append(Keeper.spawn())
        return keepers[-1]

    yield spawn
    for keeper in keepers:
        keeper.close()


@pytest.mark.parametrize("change", [NO_TAGS, NO_PROC], ids=["no tags", "no /proc"])
def test_an_attempt_runs_and_is_cancelled(
    bench: Bench, limited: Callable[[str], Keeper], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = limited(change)
    quick = keeper.start(bench.spec(["sh", "-c", "echo out; exit 3"]))
    finish(keeper, quick)
    assert quick.ending is not None
    assert (quick.ending.ended_by, quick.ending.exit_code, quick.ending.error) == (EndedBy.EXIT, 3, "")
    assert log_of(quick) == b"out\n"
    slow = keeper.start(bench.spec(bench.tool(SIGN_IN + "deaf()\nos.fork()\nstay()")))
    pids = bench.pids(2)
    keeper.stop(slow)
    finish(keeper, slow)
    assert slow.ending is not None
    assert (slow.ending.ended_by, slow.ending.survivors) == (EndedBy.CANCEL, 0)
    assert gone(pids)


def test_without_tags_what_hides_is_ended_with_the_only_attempt(bench: Bench, limited: Callable[[str], Keeper]) -> None:
    keeper = limited(NO_TAGS)
    run = keeper.start(bench.spec(bench.tool(STUBBORN)))
    pids = bench.pids(STUBBORN_COUNT)
    keeper.stop(run)
    finish(keeper, run)
    assert run.ending is not None
    assert (run.ending.killed, run.ending.survivors) == (STUBBORN_COUNT, 0)
    assert gone(pids)
    assert processes_of(run.marker) == []


def test_without_tags_or_groups_pid_json_names_what_left_the_session(
    bench: Bench, limited: Callable[[str], Keeper]
) -> None:
    keeper = limited(NO_TAGS + "\nfrom keeper import cgroup; cgroup.make = lambda marker: None")
    run = keeper.start(bench.spec(bench.tool(STUBBORN)))
    pids = bench.pids(STUBBORN_COUNT)
    for _ in range(100):
        keeper.wait(0.1)
        outside = [pid for pid, _ in facts_of(run)["outside"]]
        if len(outside) == 2 and set(outside) <= set(pids):
            break
    assert facts_of(run)["tag"] == 0
    assert len(outside) == 2
    keeper.stop(run)
    finish(keeper, run)
    assert gone(pids)
