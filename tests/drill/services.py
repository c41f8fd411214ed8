"""Services under test: a web process and a worker, each started again when it ends, as a service manager would."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from jobs.queue.robust import bind_to_parent
from tests.drill.processes import Proc, children, command_line, descendants, look, send

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE = "from engine_site.cli import main; main()"
STOP_S = 90
SPARED_S = {"main": 6.0, "web": 25.0}  # after a start, or nothing would ever be submitted or run
ROLES = ("runner", "keeper", "guard", "main", "web")


class Services:
    """Starts both in `__enter__`; `__exit__` leaves nothing that they started."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.starts = {"main": 0, "web": 0}
        self.seen: set[Proc] = set()  # everything that ever descended from them
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}

    def __enter__(self) -> "Services":
        self.keep_alive()
        return self

    def __exit__(self, *error: object) -> None:
        self.note()
        for process in self._running.values():
            if process.poll() is None:
                process.kill()  # what is below dies with it; the next lines make sure
            process.wait()
        for proc in self.alive():
            send(proc, signal.SIGKILL)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def keep_alive(self) -> None:
        for name, words in (("main", ["worker"]), ("web", ["web", "--port", str(self.port)])):
            process = self._running.get(name)
            if process is None or process.poll() is not None:
                self.starts[name] += 1
                self._running[name] = self._start(words)
                self._started_at[name] = time.monotonic()

    def _start(self, words: list[str]) -> "subprocess.Popen[bytes]":
        output = None if os.environ.get("DRILL_LOG") else subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, "-c", ENGINE, *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
            preexec_fn=bind_to_parent,  # it must not outlive a drill that is killed
        )

    def note(self) -> None:
        """Remember who is there, for the look at the end."""
        for process in self._running.values():
            self.seen.update(descendants(process.pid))

    def alive(self) -> list[Proc]:
        """Of all that was ever seen."""
        return [proc for proc in self.seen if (now := look(proc.pid)) is not None and now.started == proc.started]

    def find(self, role: str, busy: set[int]) -> list[Proc]:
        """Live processes in that role; `busy` are the workers of running attempts."""
        if role in self._running:
            spared = time.monotonic() - self._started_at[role] < SPARED_S[role]
            return [] if spared else self._look(role)
        if role == "sentinel":
            return [proc for main in self._look("main") for proc in children(main.pid)]
        if role in ("runner", "idle worker"):
            pool = [proc for sentinel in self.find("sentinel", busy) for proc in children(sentinel.pid)]
            return [proc for proc in pool if (proc.pid in busy) == (role == "runner")]
        if role == "guard":
            below = [proc for runner in self.find("runner", busy) for proc in children(runner.pid)]
            return [proc for proc in below if "keeper_entry" in command_line(proc.pid)]
        if role == "keeper":
            below = [proc for guard in self.find("guard", busy) for proc in children(guard.pid)]
            return [proc for proc in below if "keeper_entry" in command_line(proc.pid)]
        return [proc for keeper in self.find("keeper", busy) for proc in descendants(keeper.pid)]  # tool

    def _look(self, name: str) -> list[Proc]:
        process = self._running[name]
        proc = look(process.pid) if process.poll() is None else None
        return [proc] if proc else []

    def signal_group(self) -> bool:
        """What a service manager does by default, and Ctrl-C: everybody in the group gets the signal, soon a second one."""
        main = self._running["main"]
        if main.poll() is not None:
            return False
        os.killpg(main.pid, signal.SIGTERM)
        time.sleep(0.3)
        if main.poll() is None:
            os.killpg(main.pid, signal.SIGTERM)
        return True

    def stop(self) -> float:
        """SIGTERM to both; the seconds until they have ended."""
        began = time.monotonic()
        self.note()
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(STOP_S)
        return time.monotonic() - began
