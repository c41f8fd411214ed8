"""Adoption: a keeper outlives its runner for a planned restart, and obeys nobody but the next one."""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.process import EndedBy, Keeper, Running, processes_of, read_ending
from adapters.process import adoption as adopting
from adapters.process.adoption import NotAdopted, adopt, is_held, remove_stale, socket_path
from adapters.process.sweep import Identity
from tests.adapters.process.conftest import Bench, log_of, wait_for
from tests.adapters.process.test_keeper import finish, started
from tests.adapters.process.test_stop import gone

SECRET = "a secret that no tool has seen"
COUNTS = ["sh", "-c", "n=0; while [ ! -e enough ]; do n=$((n + 1)); echo line $n; sleep 0.02; done; echo last $n"]


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper.spawn()
    yield keeper
    keeper.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """So long that the name of a socket in it would not fit into an address."""
    place = tmp_path / ("long" * 30)
    place.mkdir(mode=0o700)
    return place


def identities(keeper: Keeper) -> tuple[Identity, Identity]:
    known = keeper.identities
    return (known["shim_pid"], known["shim_starttime"]), (known["guard_pid"], known["guard_starttime"])


def hold(keeper: Keeper, directory: Path, seconds: float = 20.0) -> tuple[Identity, Identity]:
    """As a runner does before it ends."""
    keeper.wait_until_ready()
    shim, guard = identities(keeper)
    keeper.hold(seconds, str(socket_path(directory, shim)), SECRET)
    wait_for(lambda: keeper.wait(0.1) is not None and keeper.holds, 10)
    keeper.leave()
    return shim, guard


def test_the_next_runner_gets_the_tool_its_log_and_its_ending(bench: Bench, keeper: Keeper, directory: Path) -> None:
    spec = bench.spec(COUNTS)
    run = keeper.start(spec)
    pid = started(keeper, 1)[run]
    shim, guard = hold(keeper, directory)
    time.sleep(0.3)
    assert not gone([pid]) and is_held(directory, shim)
    other = adopt(directory, shim, guard, SECRET, {spec.marker: str(spec.attempt_dir)})
    try:
        (same,) = other.running.values()
        assert (same.number, same.marker, same.attempt_dir) == (run.number, spec.marker, str(spec.attempt_dir))
        assert not gone([pid])
        Path(spec.cwd, "enough").touch()
        finish(other, same)
        assert same.ending is not None and (same.ending.ended_by, same.ending.exit_code) == (EndedBy.EXIT, 0)
        *lines, last = log_of(spec).decode().splitlines()
        assert lines == [f"line {n}" for n in range(1, len(lines) + 1)] and last == f"last {len(lines)}"
        again = other.start(bench.spec(["true"]))
        finish(other, again)
        assert again.ending is not None and again.ending.exit_code == 0
    finally:
        other.close()
    wait_for(lambda: gone([shim[0], guard[0]]), 10)


def test_an_attempt_that_ended_meanwhile_is_not_listed_but_recorded(
    bench: Bench, keeper: Keeper, directory: Path
) -> None:
    spec = bench.spec(COUNTS)
    keeper.start(spec)
    started(keeper, 1)
    shim, guard = hold(keeper, directory)
    Path(spec.cwd, "enough").touch()
    wait_for(lambda: read_ending(spec.attempt_dir) is not None, 10)
    other = adopt(directory, shim, guard, SECRET, {})
    assert other.running == {}
    other.close()


def test_a_keeper_stops_its_tools_when_the_hold_ends(bench: Bench, keeper: Keeper, directory: Path) -> None:
    spec = bench.spec(["sleep", "60"])
    keeper.start(spec)
    started(keeper, 1)
    shim, guard = hold(keeper, directory, seconds=0.5)
    wait_for(lambda: gone([shim[0], guard[0]]), 20)
    assert processes_of(spec.marker) == []
    ending = read_ending(spec.attempt_dir)
    assert ending is not None and (ending.ended_by, ending.error) == (
        EndedBy.LIFELINE,
        "No new runner came after the restart.",
    )
    assert not is_held(directory, shim)
    remove_stale(directory)
    assert list(directory.iterdir()) == []


def test_who_does_not_know_the_secret_changes_nothing(bench: Bench, keeper: Keeper, directory: Path) -> None:
    spec = bench.spec(["sleep", "60"])
    run = keeper.start(spec)
    pid = started(keeper, 1)[run]
    shim, guard = hold(keeper, directory)
    with pytest.raises(NotAdopted, match="does not answer"):
        adopt(directory, shim, guard, "a guess", {})
    here = os.open(directory, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"/proc/self/fd/{here}/{socket_path(directory, shim).name}")
        caller.sendall(json.dumps({"op": "stop", "id": run.number, "grace": 0}).encode() + b"\n")
        assert caller.recv(1) == b""
    os.close(here)
    assert not gone([pid])
    other = adopt(directory, shim, guard, SECRET, {})
    assert list(other.running) == [run.number]
    other.close()
    wait_for(lambda: gone([pid]), 10)


def test_a_stranger_in_place_of_the_keeper_does_not_hear_the_secret(directory: Path) -> None:
    shim = os.getppid(), 1
    here = os.open(directory, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(f"/proc/self/fd/{here}/{socket_path(directory, shim).name}")
        stranger.listen()
        with pytest.raises(NotAdopted, match="answers in place of keeper"):
            adopt(directory, shim, (1, 1), SECRET, {})
        heard, _ = stranger.accept()
        with heard:
            assert heard.recv(100) == b""
    os.close(here)


def test_a_keeper_of_another_protocol_is_not_taken_over(
    bench: Bench, keeper: Keeper, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = bench.spec(["sleep", "60"])
    keeper.start(spec)
    started(keeper, 1)
    shim, guard = hold(keeper, directory)
    monkeypatch.setattr(adopting, "VERSION", 99)
    with pytest.raises(NotAdopted, match="speaks version 1 of the protocol, not 99"):
        adopt(directory, shim, guard, SECRET, {})
    wait_for(lambda: gone([shim[0], guard[0]]), 20)
    assert processes_of(spec.marker) == []


def test_a_hold_that_cannot_listen_is_not_promised(bench: Bench, keeper: Keeper, directory: Path) -> None:
    run: Running = keeper.start(bench.spec(["sleep", "60"]))
    pid = started(keeper, 1)[run]
    keeper.hold(20, str(directory / "missing" / "name"), SECRET)
    keeper.wait(0.5)
    assert not keeper.holds
    keeper.close()
    assert gone([pid])
