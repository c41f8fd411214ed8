"""A real cluster for tests, on a SQLite file of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs import db
from jobs.models import Job, StepAttempt
from jobs.services.submission.submit import submit
from jobs.store import JobStateStore
from tests.drill.processes import Proc, children, descendants, send
from tests.factories import make_document

ROOT = Path(__file__).resolve().parent.parent.parent


class Cluster:
    """A cluster command on a SQLite file of its own."""

    def __init__(self, home: Path, command: str = "cluster", root: Path = ROOT, **environment: str) -> None:
        self.home, self.command, self.root = home, command, root
        self.repository = home / "repository"  # a job may not work where Engine's own data lie
        self.repository.mkdir(exist_ok=True)
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "engine_site.settings",
            "ENGINE_DATA_DIR": str(home / "var"),
            "ENGINE_ROOTS": str(home),
            "ENGINE_ALLOW_SHELL": "1",
            "ENGINE_EXECUTABLES": sys.executable,
            "ENGINE_SLOTS": "2",
            "ENGINE_NODE": "test-node",
            "ENGINE_STOP_GRACE_S": "1",
            "ENGINE_CANCEL_GRACE_S": "0.5",
            "ENGINE_LOG_LEVEL": os.environ.get("TEST_LOG", "CRITICAL"),
            "PIPELINE_DB_PATH": str(home / "engine.db"),
            "DATABASE_URL": "",
            **environment,
        }
        self.store = JobStateStore(db_path=home / "engine.db")
        self.main: subprocess.Popen[bytes] | None = None

    def start(self) -> "Cluster":
        self.main = subprocess.Popen(
            [sys.executable, "-m", "django", self.command],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        return self

    @property
    def pid(self) -> int:
        assert self.main is not None
        return self.main.pid

    def submit(self, args: list[str], **metadata: Any) -> str:
        body = make_document(
            command={"exe": sys.executable, "args": args},
            paths={"repo_root": str(self.repository)},
            metadata={"access": "read", "grace_seconds": 0.3, **metadata},
        )
        with db.using(self.store.alias):
            return submit(body).job_id

    def job(self, job_id: str) -> Job:
        with db.using(self.store.alias):
            return Job.objects.get(job_id=job_id)

    def attempts(self, job_id: str) -> list[StepAttempt]:
        with db.using(self.store.alias):
            return list(StepAttempt.objects.filter(job__job_id=job_id).order_by("number"))

    def wait(self, truth: Callable[[], object], seconds: float = 25) -> None:
        deadline = time.monotonic() + seconds
        while not truth():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    def wait_for(self, job_id: str, *statuses: str, seconds: float = 25) -> None:
        self.wait(lambda: self.job(job_id).status in statuses, seconds)

    def pool(self) -> list[Proc]:
        return [member for sentinel in children(self.pid) for member in children(sentinel.pid)]

    def running(self) -> tuple[str, StepAttempt]:
        """A job that runs until it is told otherwise, with a child that ignores every polite signal."""
        job_id = self.submit(["-c", LONG])
        self.wait(
            lambda: any(
                a.log_dir
                and (self.home / "var" / a.log_dir / "output.log").exists()
                and (self.home / "var" / a.log_dir / "output.log").stat().st_size
                for a in self.attempts(job_id)
            )
        )
        return job_id, self.attempts(job_id)[-1]

    def stop(self, bound_s: float = 20) -> float:
        assert self.main is not None
        began = time.monotonic()
        if self.main.poll() is None:
            self.main.terminate()
            try:
                self.main.wait(bound_s)
            except subprocess.TimeoutExpired:
                for proc in descendants(self.pid):
                    send(proc, signal.SIGKILL)
                self.main.kill()
                raise
        return time.monotonic() - began


LONG = (
    "import signal, subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(15, 1); time.sleep(90)'],"
    " start_new_session=True)\n"
    "print('ready', flush=True)\ntime.sleep(90)\n"
)
