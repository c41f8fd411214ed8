"""Runs with small tools of our own, and proof after each test that nothing of them lives."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.process import MARKER_NAME, Shim, Spec, kill_tree, processes_of

PYTHON = [getattr(sys, "_base_executable", "") or sys.executable, "-I", "-S", "-u"]


def wait_for(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true value of `condition`; fails when it stays false."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"{condition} stayed false for {seconds} s"
        time.sleep(0.005)
    return value


class Bench:
    """Makes tools, specs and shims, and remembers their markers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.markers: list[str] = []
        self.shims: list[Shim] = []

    def tool(self, source: str, *arguments: object) -> list[str]:
        path = self.root / f"tool_{len(list(self.root.glob('tool_*')))}.py"
        path.write_text("import os, signal, subprocess, sys, time\n" + source)
        return [*PYTHON, str(path), *map(str, arguments)]

    def spec(self, argv: list[str], **changes: Any) -> Spec:
        marker = secrets.token_hex(16)
        self.markers.append(marker)
        attempt = self.root / f"attempt_{len(self.markers)}"
        # Without a control group unless asked for: most hosts allow none, so the other ways must do.
        wanted = {
            "env": {"PATH": os.environ["PATH"]},
            "cwd": str(self.root),
            "attempt_dir": attempt,
            "grace_s": 0.2,
            "use_cgroup": False,
        }
        return Spec(argv=argv, marker=marker, **{**wanted, **changes})

    def shim(self, spec: Spec | None = None) -> Shim:
        shim = Shim.spawn()
        self.shims.append(shim)
        if spec is not None:
            shim.start(spec)
        return shim

    def pids(self, count: int, name: str = "pids") -> list[int]:
        """What the tools below wrote down about themselves: one file for each process."""
        folder = self.root / name
        wait_for(lambda: folder.is_dir() and len(list(folder.iterdir())) >= count)
        return sorted(int(path.name) for path in folder.iterdir())

    def processes(self) -> list[Any]:
        return [process for marker in self.markers for process in processes_of(marker)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for shim in bench.shims:
        shim.close()
    left = bench.processes()
    for marker in bench.markers:  # by marker and start time only
        kill_tree(marker)
    assert not left, f"processes outlived their run: {left}"


def log_of(spec: Spec) -> bytes:
    return (Path(spec.attempt_dir) / "output.log").read_bytes()


SIGN_IN = f"""
def sign_in(folder=os.path.join(os.getcwd(), "pids")):
    os.makedirs(folder, exist_ok=True)
    open(os.path.join(folder, str(os.getpid())), "w").close()

def deaf():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

def stay():
    sign_in()
    time.sleep(60)
    os._exit(0)

MARKER = "{MARKER_NAME}"
"""

# The tool, a child, a daemon in a session of its own, and a twice-forked one without the marker; none takes TERM.
STUBBORN = (
    SIGN_IN
    + """
deaf()
if os.fork() == 0:
    stay()
if os.fork() == 0:
    os.setsid()
    stay()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
            "import os, signal, time; signal.signal(15, signal.SIG_IGN);"
            "open(os.path.join('pids', str(os.getpid())), 'w').close(); time.sleep(60)"], {})
    os._exit(0)
print("all born", flush=True)
stay()
"""
)
STUBBORN_COUNT = 4
