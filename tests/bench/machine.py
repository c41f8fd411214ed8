"""The machine of a run: without it, its load and the versions in use, figures cannot be compared."""

import os
import platform
import re
import sqlite3
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench.servers import Servers

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Machine:
    cores: int
    processor: str
    memory_mb: int
    kernel: str
    versions: dict[str, str]
    commit: str
    load: float  # one minute's, before the run

    def __str__(self) -> str:
        told = ", ".join(f"{name} {number}" for name, number in self.versions.items() if number)
        return (
            f"{self.cores} cores ({self.processor}), {self.memory_mb:,} MB, {self.kernel}, {told}, commit {self.commit}, "
            f"load {self.load:.1f} before the run"
        )


def look(servers: Servers) -> Machine:
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_field("/proc/cpuinfo", r"model name\s*: (.*)") or platform.machine(),
        memory_mb=int(_field("/proc/meminfo", r"MemTotal:\s+(\d+)") or 0) // 1000,
        kernel=f"{platform.system()} {platform.release()}",
        versions={
            "Python": platform.python_version(),
            "Django": version("django"),
            "SQLite": sqlite3.sqlite_version,
            "PostgreSQL": servers.postgresql_version(),
            "Redis": servers.redis_version(),
            **{name: servers.peer_version(name) for name in ("django-q2", "celery", "huey", "procrastinate")},
        },
        commit=_commit(),
        load=os.getloadavg()[0],
    )


def _field(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text())
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
