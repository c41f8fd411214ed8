"""The contest: the same jobs through Engine and through other queues, each with its workers running before the clock starts.

A job runs `true` as a process and stores its result. The clock runs from the first submit to the last stored result.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from tests.bench.processes import cpu_s, tree
from tests.bench.scratch import Bench
from tests.bench.servers import ROOT, Unavailable

STOP_S = 30


@dataclass(frozen=True)
class Result:
    wall_s: float
    cpu_s: float  # of submitter and workers; servers of databases are not counted
    jobs: int

    @property
    def rate(self) -> float:
        return self.jobs / self.wall_s

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / self.jobs


@dataclass(frozen=True)
class Entrant:
    """Commands of the workers and of the submitter, which prints `ready`, waits for a line, and prints its seconds."""

    work: list[str]
    submit: list[str]
    env: dict[str, str]


def limit(jobs: int) -> Result:
    """Only the processes: as many loops at once as there are cores."""
    loops = len(os.sched_getaffinity(0))
    code = f"import subprocess\nfor _ in range({jobs // loops}): subprocess.run(['true'], check=True)"
    began, used = time.monotonic(), sum(os.times()[2:4])
    for loop in [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(loops)]:
        loop.wait()
    return Result(time.monotonic() - began, sum(os.times()[2:4]) - used, jobs // loops * loops)


def run(entrant: Entrant, jobs: int) -> Result:
    """Raises RuntimeError, with what was printed, if the jobs do not end."""
    with tempfile.TemporaryFile("w+") as log:
        try:
            return _run(entrant, jobs, log)
        except (RuntimeError, ValueError, OSError) as fault:
            log.seek(0)
            raise RuntimeError(f"{' '.join(entrant.submit)}: {fault} {log.read()[-1500:]}") from fault


def _run(entrant: Entrant, jobs: int, log: IO[str]) -> Result:
    with (
        _process(entrant.work, entrant.env, stdout=log, stderr=log) as workers,
        _process(
            [*entrant.submit, str(jobs)], entrant.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as submitter,
    ):
        assert submitter.stdin
        assert submitter.stdout
        if submitter.stdout.readline() != "ready\n":
            raise RuntimeError("it did not get ready")
        before = cpu_s([*tree(workers.pid), submitter.pid])
        submitter.stdin.write("go\n")
        submitter.stdin.flush()
        told = json.loads(submitter.stdout.readline())
        used = cpu_s([*tree(workers.pid), submitter.pid]) - before
        return Result(told["seconds"], used, jobs)


@contextmanager
def _process(words: list[str], env: dict[str, str], **pipes: Any) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(words, cwd=ROOT, env=env, text=True, **pipes)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def engine(bench: Bench, kind: str) -> Iterator[Entrant]:
    with bench.installation(kind) as made:
        submitter = [sys.executable, "-m", "tests.bench.submitter", str(made.repository)]
        yield Entrant([sys.executable, "manage.py", "cluster"], submitter, made.env)


@contextmanager
def peer(bench: Bench, name: str) -> Iterator[Entrant]:
    """One of tests/bench/peers. Raises Unavailable if what it needs is missing."""
    servers, workers = bench.servers, str(len(os.sched_getaffinity(0)))
    if servers.peers_python is None:
        raise Unavailable("the peers are not installed: run `make bench`")
    if name.endswith("_redis") and not servers.redis:
        raise Unavailable("no Redis: install redis-server or set REDIS_URL")
    with ExitStack() as stack:
        kind = "PostgreSQL" if name.endswith("_postgresql") else "SQLite"
        database = stack.enter_context(servers.database(kind))
        home = bench.home / f"{name}-{time.time_ns()}"
        home.mkdir()
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BENCH_HOME": str(home),
            "BENCH_WORKERS": workers,
            "BENCH_POSTGRESQL": database,
            "BENCH_REDIS": servers.redis,
            "DJANGO_SETTINGS_MODULE": "tests.bench.peers.django_q2_settings",
        }
        command = [str(servers.peers_python), "-m", f"tests.bench.peers.{name}"]
        stack.callback(_quietly, [*command, "clean"], env)
        subprocess.run([*command, "prepare"], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
        yield Entrant([*command, "work"], [*command, "submit"], env)


def _quietly(words: list[str], env: dict[str, str]) -> None:
    subprocess.run(words, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, check=False)
