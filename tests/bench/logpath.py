"""The log path: a tool that prints a million lines under a keeper, against the same tool into a file."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from adapters.process import Spec, run_process
from tests.bench.figures import Figure, figure
from tests.bench.scratch import Bench

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}  # the same for both: a PYTHONUNBUFFERED around us would decide the race
LINE = "a line of a hundred bytes, as a chatty test suite writes them, "


def measure(bench: Bench) -> Iterator[Figure]:
    lines, rounds = bench.pick(1_000_000, 200_000), bench.pick(5, 3)
    printing = f"for i in range({lines}): print(f'{{i:07}} {LINE}' + 'x' * 30)"
    yield _ratio(
        bench, "log_python", f"Python prints {lines:,} lines, of `> file`", [sys.executable, "-c", printing], rounds
    )
    yield _ratio(bench, "log_seq", f"seq prints {5 * lines:,} lines, of `> file`", ["seq", str(5 * lines)], rounds)


def _ratio(bench: Bench, key: str, title: str, argv: list[str], rounds: int) -> Figure:
    """Pairs that follow each other, so that both meet the same load."""
    pairs = [(under_keeper(bench.home, argv), to_file(bench.home, argv)) for _ in range(rounds)]
    fastest = min(mine for mine, _ in pairs) / min(plain for _, plain in pairs)
    return figure(key, title, "", *(mine / plain for mine, plain in pairs), note=f"fastest of each: {fastest:.2f}")


def to_file(home: Path, argv: list[str]) -> float:
    began = time.perf_counter()
    with (home / "plain.log").open("wb") as file:
        subprocess.run(argv, stdout=file, check=True, env=ENVIRONMENT)
    return time.perf_counter() - began


def under_keeper(home: Path, argv: list[str]) -> float:
    place = home / uuid.uuid4().hex
    place.mkdir()
    began = time.perf_counter()
    ending = run_process(Spec(argv=argv, env=ENVIRONMENT, cwd=str(home), attempt_dir=place, marker=uuid.uuid4().hex))
    took = time.perf_counter() - began
    assert ending.exit_code == 0
    assert ending.log_lines
    (place / "output.log").unlink()
    return took
