"""The command of a peer: `prepare`, `work`, `submit COUNT` and `clean`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.clock import timed

HOME = Path(os.environ.get("BENCH_HOME", "."))
WORKERS = os.environ.get("BENCH_WORKERS", "2")
REDIS = os.environ.get("BENCH_REDIS", "")
POSTGRESQL = os.environ.get("BENCH_POSTGRESQL", "")


def run_true() -> int:
    """The job: a process, and a result to be stored."""
    return subprocess.run(["true"], check=True).returncode


def play(
    *,
    worker: list[str],
    submit: Callable[[int], object],
    stored: Callable[[], int],
    prepare: Callable[[], object] = lambda: None,
    clean: Callable[[], object] = lambda: None,
) -> None:
    """Take the role that the command line names. `worker` is a program beside this Python, with its arguments."""
    role = sys.argv[1]
    if role == "prepare":
        prepare()
    elif role == "work":
        os.execv(sys.executable, [sys.executable, *worker])
    elif role == "submit":
        timed(submit, stored, int(sys.argv[2]))
    elif role == "clean":
        clean()
    else:
        raise SystemExit(f"unknown role {role!r}")
