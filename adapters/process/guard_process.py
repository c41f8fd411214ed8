"""Guard of a keeper as its runner sees it: the process that the runner starts, and whose end proves that all is gone."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from adapters.process.keeper import tree
from adapters.process.lost import collect_zombie
from adapters.process.spec import MARKER_NAME
from adapters.process.waiting import end, ended

ENTRY = Path(__file__).with_name("keeper_entry.py")
# What a bare interpreter needs, and the marker of an outer attempt, so that a run inside a run is swept with it.
KEEPER_ENV = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", MARKER_NAME)


class ChildGuard:
    """A guard that this process has started."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self, timeout_s: float) -> bool:
        return ended(self._process, timeout_s)

    def end(self) -> int | None:
        """Kill it if it still runs; its exit code, None if even SIGKILL did not end it."""
        return end(self._process)

    def kill(self) -> None:
        self._process.kill()

    def forget(self) -> None:
        """For a forked child: not its to wait for."""
        self._process.returncode = 0


class OtherGuard:
    """A guard that another process has started: its end is seen, its exit code is not."""

    def __init__(self, pid: int, starttime: int) -> None:
        self.pid, self._starttime = pid, starttime

    def ended(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while tree.alive(self.pid, self._starttime):
            if time.monotonic() >= until:
                return False
            time.sleep(0.002)
        collect_zombie(self.pid)  # this process may have adopted it
        return True

    def end(self) -> int | None:
        self.kill()
        self.ended(2.0)
        return None

    def kill(self) -> None:
        tree.send(self.pid, self._starttime, signal.SIGKILL)

    def forget(self) -> None:
        """Nothing to forget."""


def start() -> tuple[ChildGuard, socket.socket]:
    """Start guard and keeper. Raises OSError."""
    env = {name: os.environ[name] for name in KEEPER_ENV if name in os.environ}
    python = getattr(sys, "_base_executable", "") or sys.executable
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                [python, "-I", "-S", "-X", "utf8", str(ENTRY)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=env,
                cwd="/",
                start_new_session=True,  # Ctrl-C in a terminal is for the worker, which knows what to do
            )
        except OSError:
            ours.close()
            raise
    return ChildGuard(process), ours
