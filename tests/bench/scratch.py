"""Scratch installations of Engine, each with its own data directory and database."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import ROOT, Servers

DATABASES = ("SQLite", "PostgreSQL")
ENGINE = "from engine_site.cli import main; main()"


@dataclass(frozen=True)
class Bench:
    """What every topic gets: a directory for scratch data, the servers, and whether to be quick."""

    home: Path
    servers: Servers
    quick: bool

    def pick(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @contextmanager
    def installation(self, kind: str = "SQLite", **settings: str) -> Iterator["Installation"]:
        """Prepared, with nothing in it; gone at the end. Raises Unavailable."""
        with (
            self.servers.database(kind) as database,
            tempfile.TemporaryDirectory(prefix="site-", dir=self.home, ignore_cleanup_errors=True) as home,
        ):
            made = Installation(Path(home), database, settings)
            made.repository.mkdir()
            made.run("manage.py", "migrate", "--verbosity", "0")
            yield made


@dataclass(frozen=True)
class Installation:
    home: Path
    database: str
    settings: dict[str, str]

    @property
    def repository(self) -> Path:
        return self.home / "repository"

    @property
    def env(self) -> dict[str, str]:
        kept = ("ENGINE_", "PIPELINE_", "DATABASE_", "DJANGO_")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(kept)},
            "DJANGO_SETTINGS_MODULE": "engine_site.settings",
            "PYTHONPATH": str(ROOT),
            "ENGINE_DATA_DIR": str(self.home / "var"),
            "DATABASE_URL": self.database,
            "ENGINE_ROOTS": str(self.home),
            "ENGINE_SECRET_KEY": "only for this benchmark, and of no use anywhere else",
            "ENGINE_ALLOW_SHELL": "1",
            "ENGINE_EXECUTABLES": "*",
            "ENGINE_API_RATE": "1000000",  # counted as always, never reached
            "ENGINE_LOG_LEVEL": "ERROR",
            "ENGINE_STOP_GRACE_S": "1",
            "ENGINE_CANCEL_GRACE_S": "1",
            "ENGINE_SLOTS": "32",
            **self.settings,
        }

    def run(self, *words: str) -> str:
        """Run Python with these words and wait; what it printed."""
        done = subprocess.run([sys.executable, *words], cwd=ROOT, env=self.env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}")
        return done.stdout

    def start(self, *words: str, **pipes: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=self.env, text=True, **pipes)

    def seed(self, jobs: int) -> None:
        """Finished jobs that are there already."""
        self.run("-c", ENGINE, "seed", "--jobs", str(jobs))

    def document(self, number: int, exe: str = "true", *args: str, **metadata: Any) -> dict[str, Any]:
        return {
            "job_id": f"bench-{number:07}",
            "run_id": f"bench-run-{number % 4}",
            "workstream_id": f"ws-{number % 16}",
            "tool": "shell",
            "command": {"exe": exe, "args": list(args)},
            "paths": {"repo_root": str(self.repository)},
            "metadata": {"access": "read", **metadata},
        }

    def body(self, number: int, exe: str = "true", *args: str, **metadata: Any) -> bytes:
        return json.dumps(self.document(number, exe, *args, **metadata)).encode()
