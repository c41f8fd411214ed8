"""Keeper, guard and runner are killed, alone and together: nothing of any attempt is left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.process import EndedBy, Spec, kill_attempt, read_ending
from tests.adapters.process.conftest import SIGN_IN, STUBBORN, STUBBORN_COUNT, Bench, wait_for
from tests.adapters.process.test_stop import gone

REPOSITORY = Path(__file__).parents[3]
RUNNER = """
import json, os, sys
from adapters.process import Keeper, Spec
from adapters.process.keeper import tree
from adapters.process.lost import adopt_orphans
adopt_orphans()
keeper = Keeper.spawn()
for wish in json.loads(sys.argv[1]):
    keeper.start(Spec(**wish))
print(json.dumps({"keeper": keeper.pid, "guard": keeper.guard_pid}), flush=True)
while keeper.running:
    keeper.wait(0.2)
    if keeper.gone:
        lost = keeper.reap()
        endings = [run.ending.as_dict() for run in lost]
        print(json.dumps([endings, tree.direct_children(os.getpid())]), flush=True)
keeper.close()
"""


class Scene:
    """A runner in a process of its own, with attempts that do not want to end."""

    def __init__(self, bench: Bench, source: str = STUBBORN, count: int = STUBBORN_COUNT, attempts: int = 3) -> None:
        self.specs: list[Spec] = []
        for number in range(attempts):
            place = bench.root / str(number)
            (place / "pids").mkdir(parents=True)
            self.specs.append(bench.spec(bench.tool(source), cwd=str(place), grace_s=30))
        names = ("argv", "env", "cwd", "marker", "grace_s", "dead_man_s")
        wishes = [
            {**{name: getattr(spec, name) for name in names}, "attempt_dir": str(spec.attempt_dir)}
            for spec in self.specs
        ]
        command = [sys.executable, "-c", RUNNER, json.dumps(wishes)]
        self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout is not None
        self.actors: dict[str, int] = {**json.loads(self.process.stdout.readline()), "runner": self.process.pid}
        self.pids = [pid for number in range(attempts) for pid in bench.pids(count, f"{number}/pids")]

    def kill(self, names: tuple[str, ...]) -> None:
        """None of them can do anything about the death of another one."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for name in names:
                os.kill(self.actors[name], number)

    def all_gone(self) -> bool:
        actors = [pid for name, pid in self.actors.items() if name != "runner"]
        return gone(self.pids) and gone(actors)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)


@pytest.fixture
def scene(bench: Bench) -> Any:
    scene = Scene(bench)
    yield scene
    scene.close()


@pytest.mark.parametrize(
    "names",
    [("keeper",), ("guard",), ("runner",), ("keeper", "guard"), ("keeper", "runner"), ("guard", "runner")],
    ids="+".join,
)
def test_nothing_is_left_of_any_attempt(scene: Scene, names: tuple[str, ...]) -> None:
    scene.kill(names)
    wait_for(scene.all_gone, 20)


def test_when_all_three_are_killed_each_attempt_is_found_by_its_tag(scene: Scene) -> None:
    scene.kill(("guard", "keeper", "runner"))
    wait_for(lambda: gone(list(scene.actors.values())))
    swept = kill_attempt(scene.specs[0].attempt_dir, scene.specs[0].marker)
    assert (swept.killed, swept.survivors) == (STUBBORN_COUNT, 0)
    assert not gone(scene.pids), "the other attempts are not touched"
    for spec in scene.specs[1:]:
        kill_attempt(spec.attempt_dir, spec.marker)
    assert gone(scene.pids)


def test_a_runner_that_lost_its_keeper_reports_each_attempt_and_keeps_no_zombie(scene: Scene) -> None:
    scene.kill(("guard", "keeper"))
    assert scene.process.stdout is not None
    endings, children = json.loads(scene.process.stdout.readline())
    assert [(ending["ended_by"], ending["survivors"]) for ending in endings] == [(EndedBy.LIFELINE, 0)] * 3
    assert children == []


@pytest.mark.parametrize("names", [("runner",), ("guard",), ("guard", "runner")], ids="+".join)
def test_a_tool_without_a_runner_gets_term_before_kill(bench: Bench, names: tuple[str, ...]) -> None:
    """As `git commit` needs it, to remove its lock."""
    source = (
        SIGN_IN + "signal.signal(15, lambda *_: (open('bye', 'w').close(), sys.exit(5)))\nsign_in(); time.sleep(60)"
    )
    scene = Scene(bench, source, count=1, attempts=2)
    try:
        scene.kill(names)
        wait_for(scene.all_gone, 20)
        assert all((Path(spec.cwd) / "bye").exists() for spec in scene.specs)
        endings = [read_ending(spec.attempt_dir) for spec in scene.specs]
        assert [(e.ended_by, e.exit_code) for e in endings if e] == [(EndedBy.LIFELINE, 5)] * 2
    finally:
        scene.close()
