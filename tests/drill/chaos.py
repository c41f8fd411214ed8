"""What the drill does to a cluster; each blow names itself."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from django.db import connection

from jobs.models import StepAttempt
from tests.drill.processes import Proc, children, descendants, look, send

ROOT = Path(__file__).resolve().parent.parent.parent


class Arena:
    """One cluster under fire; when its main process dies it is started again, as a service manager would."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.blows: Counter[str] = Counter()
        self.killed_at: dict[tuple[int, int], float] = {}  # (pid, started) -> when, for the time to detect
        self.frozen: list[tuple[Proc, float]] = []
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.main = subprocess.Popen(
            [sys.executable, "-m", "django", "cluster"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            process_group=0,
            stderr=subprocess.DEVNULL if not os.environ.get("DRILL_LOG") else None,
        )
        time.sleep(1.0)

    def keep_alive(self) -> None:
        if self.main.poll() is not None:
            self.start()
        for proc, until in list(self.frozen):
            if time.monotonic() > until:
                send(proc, signal.SIGCONT)
                self.frozen.remove((proc, until))

    def stop(self) -> float:
        """SIGTERM; seconds until the command has ended."""
        for proc, _ in self.frozen:
            send(proc, signal.SIGCONT)
        began = time.monotonic()
        if self.main.poll() is None:
            self.main.terminate()
            self.main.wait(timeout=90)
        return time.monotonic() - began

    # --- who is who ---------------------------------------------------------------------------------------------------
    def pool(self) -> list[Proc]:
        """The sentinel's children: workers, pusher, monitor."""
        return [child for sentinel in children(self.main.pid) for child in children(sentinel.pid)]

    def busy_pids(self) -> set[int]:
        return set(StepAttempt.objects.alive().values_list("worker_pid", flat=True))

    def strike(self) -> None:
        blows: list[tuple[str, Callable[[], bool], int]] = [
            ("busy worker", self.busy_worker, 6),
            ("idle worker", self.idle_worker, 3),
            ("any of the pool", self.anybody, 3),
            ("sentinel", self.sentinel, 2),
            ("main", self.main_process, 2),
            ("group SIGTERM", self.group, 1),
            ("frozen worker", self.freeze, 1),
            ("shim or tool", self.shim_or_tool, 5),
            ("database", self.database, 2),
        ]
        name, blow, _ = self.chance.choices(blows, [weight for *_, weight in blows])[0]
        if blow():
            self.blows[name] += 1

    def _kill(self, procs: list[Proc], below: Sequence[Proc] = ()) -> bool:
        """SIGKILL one of `procs`; `below` are those who die with it."""
        if not procs:
            return False
        victim = self.chance.choice(procs)
        at = time.time()
        if not send(victim, signal.SIGKILL):
            return False
        for proc in (victim, *below):
            self.killed_at[(proc.pid, proc.started)] = at
        return True

    def busy_worker(self) -> bool:
        busy = self.busy_pids()
        return self._kill([proc for proc in self.pool() if proc.pid in busy])

    def idle_worker(self) -> bool:
        busy = self.busy_pids()
        return self._kill([proc for proc in self.pool() if proc.pid not in busy])

    def anybody(self) -> bool:
        return self._kill(self.pool())

    def sentinel(self) -> bool:
        return self._kill(children(self.main.pid), self.pool())

    def main_process(self) -> bool:
        proc = look(self.main.pid)
        return proc is not None and self._kill([proc], self.pool())

    def group(self) -> bool:
        """What a service manager does by default, and Ctrl-C: everybody in the group gets the signal."""
        if self.main.poll() is not None:
            return False
        os.killpg(self.main.pid, signal.SIGTERM)
        time.sleep(0.3)
        os.killpg(self.main.pid, signal.SIGTERM) if self.main.poll() is None else None
        return True

    def freeze(self) -> bool:
        """SIGSTOP: the worker lives and does nothing; after its lease the job runs elsewhere, then it wakes up."""
        busy = self.busy_pids()
        procs = [proc for proc in self.pool() if proc.pid in busy]
        if not procs or self.frozen:
            return False
        victim = self.chance.choice(procs)
        self.killed_at[(victim.pid, victim.started)] = time.time()
        self.frozen.append((victim, time.monotonic() + 33))
        return send(victim, signal.SIGSTOP)

    def shim_or_tool(self) -> bool:
        below = [proc for worker in self.pool() for proc in descendants(worker.pid)]
        return self._kill(below)

    def database(self) -> bool:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            return True
        threading.Thread(target=hold_sqlite, args=(str(connection.settings_dict["NAME"]), 3.0)).start()
        return True


def hold_sqlite(path: str, seconds: float) -> None:
    """Hold the writer's lock, as a backup or a stuck process would."""
    import sqlite3

    with sqlite3.connect(path, timeout=30, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        database.execute("ROLLBACK")
