"""What it costs to run a tool under the shim instead of `> file`."""

import subprocess
import sys
import time
import uuid
from pathlib import Path

from adapters.process import Spec, run_process

LINES = 1_000_000
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}  # the same for both: a PYTHONUNBUFFERED around us would decide the race
WORKS = f"for i in range({LINES}): print(f'{{i:07}} a line of a hundred bytes, as a chatty test suite writes them, ' + 'x' * 30)"


def measure(home: Path) -> None:
    """A million lines of about a hundred bytes, from a tool that does a little work for each, and from one that does none."""
    for name, argv in (("python that prints", [sys.executable, "-c", WORKS]), ("seq", ["seq", str(5 * LINES)])):
        plain = min(to_file(home, argv) for _ in range(3))
        shim = min(under_shim(home, argv) for _ in range(3))
        print(
            f"log path, {name:<20} > file {plain:5.2f} s   shim {shim:5.2f} s   ratio {shim / plain:4.2f}", flush=True
        )


def to_file(home: Path, argv: list[str]) -> float:
    began = time.perf_counter()
    with (home / "plain.log").open("wb") as file:
        subprocess.run(argv, stdout=file, check=True, env=ENVIRONMENT)
    return time.perf_counter() - began


def under_shim(home: Path, argv: list[str]) -> float:
    place = home / uuid.uuid4().hex
    place.mkdir()
    began = time.perf_counter()
    ending = run_process(Spec(argv=argv, env=ENVIRONMENT, cwd=str(home), attempt_dir=place, marker=uuid.uuid4().hex))
    took = time.perf_counter() - began
    assert ending.exit_code == 0 and ending.log_lines >= LINES
    (place / "output.log").unlink()
    return took
