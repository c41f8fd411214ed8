"""What the drill does to the services; each blow names itself."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from jobs.models import StepAttempt
from tests.drill.processes import Proc, descendants, send
from tests.drill.services import ROLES, Services

WEIGHTS = {
    "runner": 4,
    "keeper": 5,
    "guard": 4,
    "main": 2,
    "web": 3,
    "together": 5,
    "stop": 5,
    "sentinel": 1,
    "idle worker": 2,
    "tool": 4,
    "group": 1,
    "database": 2,
    "disk": 2,
}


@dataclass
class Frozen:
    role: str
    proc: Proc
    since: float
    until: float


@dataclass
class Blows:
    """Strikes at random. Times are epoch seconds."""

    services: Services
    chance: random.Random
    has_disk: bool
    counts: Counter[str] = field(default_factory=Counter)
    killed_at: dict[int, list[float]] = field(default_factory=dict)  # pid -> when, for the time to detect
    blind: list[tuple[float, float]] = field(default_factory=list)  # when the node's main process could not look
    frozen: list[Frozen] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def strike(self) -> None:
        """One blow; where nobody is in the role that was drawn, another one is drawn."""
        busy = {pid for pid in StepAttempt.objects.alive().values_list("worker_pid", flat=True) if pid}
        self.services.note()
        names = [name for name in WEIGHTS if name != "disk" or self.has_disk]
        while names:
            name = self.chance.choices(names, [WEIGHTS[name] for name in names])[0]
            if self._strike(name, busy):
                return
            names.remove(name)

    def _strike(self, name: str, busy: set[int]) -> bool:
        """Whether somebody was struck."""
        if name == "together":
            return self._together(busy)
        if name == "stop":
            return self._freeze(self.chance.choice(ROLES), busy)
        if name == "group":
            done = self.services.signal_group()
        elif name == "database":
            done = self._database()
        elif name == "disk":
            done = self._in_background(fill, self.services.home / "var", self.chance.uniform(1, 4))
        else:
            procs = self.services.find(name, busy)
            done = bool(procs) and self._kill(name, self.chance.choice(procs))
        self.counts[name] += done
        return done

    def _together(self, busy: set[int]) -> bool:
        """Everybody is found before the first one dies."""
        roles = sorted(self.chance.sample(ROLES, self.chance.randint(2, len(ROLES))))
        found = [(role, procs) for role in roles if (procs := self.services.find(role, busy))]
        if len(found) < 2:
            return False
        for role, proc in [(role, proc) for role, procs in found for proc in procs]:
            self._kill(role, proc)
        self.counts["together " + "+".join(role for role, _ in found)] += 1
        return True

    def _kill(self, role: str, proc: Proc) -> bool:
        below = descendants(proc.pid) if role in ("main", "sentinel") else []
        now = time.time()
        if not send(proc, signal.SIGKILL):
            return False
        for each in (proc, *below):
            self.killed_at.setdefault(each.pid, []).append(now)
        return True

    def _freeze(self, role: str, busy: set[int]) -> bool:
        """It lives and does nothing, for moments or for longer than a lease; then it wakes up."""
        procs = self.services.find(role, busy)
        if not procs or any(one.role == role for one in self.frozen):
            return False
        proc, now = self.chance.choice(procs), time.time()
        if not send(proc, signal.SIGSTOP):
            return False
        self.frozen.append(Frozen(role, proc, now, now + self.chance.choice([self.chance.uniform(1, 6), 33])))
        self.killed_at.setdefault(proc.pid, []).append(now)
        self.counts[f"stop {role}"] += 1
        return True

    def thaw(self, *, all_of_them: bool = False) -> None:
        for one in list(self.frozen):
            if all_of_them or time.time() > one.until:
                send(one.proc, signal.SIGCONT)
                self.frozen.remove(one)
                if one.role == "main":
                    self.blind.append((one.since, time.time()))

    def _database(self) -> bool:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        else:
            self._in_background(hold_sqlite, str(connection.settings_dict["NAME"]), 3.0)
        return True

    def _in_background(self, target: Callable[..., None], *arguments: object) -> bool:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)
        return True

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)


def hold_sqlite(path: str, seconds: float) -> None:
    """Hold the writer's lock, as a backup or a stuck process would."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database,
    ):
        database.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        database.execute("ROLLBACK")


def fill(disk: Path, seconds: float) -> None:
    """Leave no byte free for some seconds."""
    filler = disk / "filler"
    with suppress(FileExistsError):
        file = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with suppress(OSError):
                while True:
                    os.write(file, bytes(1 << 20))
            time.sleep(seconds)
        finally:
            os.close(file)
            filler.unlink()
