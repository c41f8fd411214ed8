"""Where the host allows a control group, nothing escapes, not even what no other trace leads to."""

import os
import secrets
import signal
import time
from pathlib import Path

import pytest

from adapters.process import EndedBy, kill_attempt, read_pids, run_process
from adapters.process.keeper import cgroup
from tests.adapters.process.conftest import SIGN_IN, STUBBORN, STUBBORN_COUNT, Bench, wait_for
from tests.adapters.process.test_stop import gone


def allowed() -> bool:
    group = cgroup.make(secrets.token_hex(8))
    if group is not None:
        group.remove()
    return group is not None


needs_group = pytest.mark.skipif(not allowed(), reason="this host allows no control group")

# Forks away at once, without marker, session or parent.
FUGITIVE = (
    SIGN_IN
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
            "import os, time; open(os.path.join('pids', str(os.getpid())), 'w').close(); time.sleep(60)"], {})
    os._exit(0)
stay()
"""
)


def group_of(attempt_dir: object) -> Path:
    path = wait_for(lambda: read_pids(str(attempt_dir)).get("cgroup"))
    return Path(path)


@needs_group
def test_a_run_has_its_group_and_removes_it(bench: Bench) -> None:
    spec = bench.spec(bench.tool(SIGN_IN + "stay()"), use_cgroup=True)
    shim = bench.shim(spec)
    pids = bench.pids(1)
    folder = group_of(spec.attempt_dir)
    assert (folder / "cgroup.procs").read_text().split() == [str(pids[0])]
    shim.cancel()
    assert shim.wait(5) is not None
    assert not folder.exists()


@needs_group
def test_a_stubborn_tree_is_cancelled_in_its_group(bench: Bench) -> None:
    shim = bench.shim(bench.spec(bench.tool(STUBBORN), use_cgroup=True))
    pids = bench.pids(STUBBORN_COUNT)
    shim.cancel()
    ending = shim.wait(5)
    assert ending is not None
    assert (ending.ended_by, ending.killed, ending.survivors) == (EndedBy.CANCEL, STUBBORN_COUNT, 0)
    assert gone(pids)


@needs_group
def test_a_shim_killed_right_after_a_daemon_left_leaves_nothing(bench: Bench) -> None:
    for number in range(3):
        (bench.root / str(number)).mkdir()
        spec = bench.spec(bench.tool(FUGITIVE), use_cgroup=True, cwd=str(bench.root / str(number)))
        shim = bench.shim(spec)
        pids = bench.pids(2, f"{number}/pids")
        folder = group_of(spec.attempt_dir)
        os.kill(shim.pid, signal.SIGKILL)
        ending = shim.wait(5)
        assert ending is not None
        assert (ending.ended_by, ending.survivors) == (EndedBy.LIFELINE, 0)
        assert gone(pids)
        assert not folder.exists()


@needs_group
def test_a_sweep_asks_before_it_kills_in_a_group_too(bench: Bench) -> None:
    spec = bench.spec(bench.tool(STUBBORN), use_cgroup=True)
    shim = bench.shim(spec)
    pids = bench.pids(STUBBORN_COUNT)
    os.kill(shim.pid, signal.SIGSTOP)
    begun = time.monotonic()
    swept = kill_attempt(spec.attempt_dir, spec.marker, grace_s=0.2)
    assert time.monotonic() - begun >= 0.2
    assert swept.survivors == 0
    assert gone(pids)


@needs_group
def test_a_group_below_the_group_is_emptied_and_removed(bench: Bench) -> None:
    source = (
        SIGN_IN
        + """
own = next(line[3:].strip() for line in open("/proc/self/cgroup") if line.startswith("0::"))
mount = next(line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2")
os.mkdir(mount + own + "/inner")
open(mount + own + "/inner/cgroup.procs", "w").write("0")
stay()
"""
    )
    spec = bench.spec(bench.tool(source), use_cgroup=True, grace_s=0)
    shim = bench.shim(spec)
    pids = bench.pids(1)
    folder = group_of(spec.attempt_dir)
    shim.cancel()
    assert shim.wait(5) is not None
    assert gone(pids)
    assert not folder.exists()


def test_a_record_that_names_another_group_is_not_believed(tmp_path: Path) -> None:
    marker = "0123456789abcdef"
    for name in ("system.slice", cgroup.name_for("another-marker-of-16"), cgroup.name_for(marker)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.kill").touch()
    assert cgroup.find(str(tmp_path / "system.slice"), marker) is None
    assert cgroup.find(str(tmp_path / cgroup.name_for("another-marker-of-16")), marker) is None
    assert cgroup.find("", marker) is None
    assert cgroup.find(str(tmp_path / cgroup.name_for(marker)), marker) is not None


def test_where_no_group_is_allowed_the_run_goes_on_without(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_home", lambda: str(bench.root / "nowhere"))
    assert cgroup.make("0123456789abcdef") is None
    monkeypatch.setattr(cgroup, "_home", lambda: str(bench.root))
    assert cgroup.make("0123456789abcdef") is None, "a plain directory is no group"
    assert run_process(bench.spec(["true"], use_cgroup=True)).exit_code == 0
