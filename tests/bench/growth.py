"""Growth: what submits, claims, settlements, lists and pages cost beside a short, a long and a very long history.

Each history is a database of its own with a process of its own, and they take turns: a load that comes and goes meets all.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from statistics import median
from typing import Any

from tests.bench.bulk_history import SqliteHistory
from tests.bench.figures import Figure, figure
from tests.bench.scratch import Bench, Installation

SHORT = 2000  # finished jobs: enough that lists and pages are full
LONGEST = 1_000_000
STATEMENTS = ("submit", "submit list", "claim", "settle", "heartbeat")
Times = dict[str, list[float]]


def measure(bench: Bench) -> Iterator[Figure]:
    yield from measure_at(bench, [SHORT, 20_000] if bench.quick else [SHORT, 100_000, LONGEST])


def measure_at(bench: Bench, sizes: list[int]) -> Iterator[Figure]:
    """Each size must be a multiple of the one before."""
    rounds = bench.pick(30, 8)
    with ExitStack() as stack:
        installations = _histories(bench, stack, sizes)
        probes = [stack.enter_context(closing(Probe(one))) for one in installations]
        told = [
            _merged(times) for times in zip(*([probe.round() for probe in probes] for _ in range(rounds)), strict=True)
        ]
        holds = [probe.holds() for probe in probes]
    yield from _figures(sizes, told)
    yield from _holds(sizes, holds)


def _histories(bench: Bench, stack: ExitStack, sizes: list[int]) -> list[Installation]:
    """Each begins as a copy of the one before."""
    made: list[Installation] = []
    for size in sizes:
        made.append(stack.enter_context(bench.installation(ENGINE_WATCHDOG_S="3000", ENGINE_LEASE_S="3600")))
        database = made[-1].home / "var/engine.db"
        if len(made) == 1:
            made[-1].seed(size)
            continue
        shutil.copyfile(made[-2].home / "var/engine.db", database)
        SqliteHistory(database).grow(sizes[len(made) - 2], size)
    return made


class Probe:
    """A process on one of the histories; tests.bench.operations is its other side."""

    def __init__(self, installation: Installation) -> None:
        words = ("-m", "tests.bench.operations", str(installation.repository))
        self.process = installation.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.round()  # what is imported, compiled and read once

    def round(self) -> dict[str, float]:
        """CPU milliseconds of each operation."""
        return {name: float(value) for name, value in self._ask("round").items()}

    def holds(self) -> dict[str, float]:
        """The longest time for which each operation held the writer, in milliseconds."""
        return {name: float(value) for name, value in self._ask("holds").items()}

    def _ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the probe ended with {self.process.wait()}")
        told: dict[str, Any] = json.loads(answer)
        return told

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def _merged(rounds: tuple[dict[str, float], ...]) -> Times:
    return {name: [one[name] for one in rounds] for name in rounds[0]}


def _figures(sizes: list[int], told: list[Times]) -> Iterator[Figure]:
    worst: dict[str, float] = {}
    for name in told[0]:
        for size, times in zip(sizes, told, strict=True):
            yield figure(
                f"cost {name} at {size}", f"{name}, {size:,} finished jobs", "ms CPU", *_quartiles(times[name])
            )
        worst[name] = median(told[-1][name]) / median(told[0][name])
    note = "" if sizes[-1] == LONGEST else f"only to {sizes[-1]:,} jobs"
    for key, title, names in (
        ("flat_1m_statements", "submit, claim, settle and heartbeat", [name for name in worst if name in STATEMENTS]),
        ("flat_1m", "everything", list(worst)),
    ):
        name = max(names, key=lambda one: worst[one])
        values = (worst[name],) if sizes[-1] == LONGEST else ()
        told_worst = note or f"worst: {name}"
        yield figure(key, f"Growth to {sizes[-1]:,} jobs, worst of {title}", "", *values, note=told_worst)
        if not values:
            yield figure(f"{key}_short", f"Growth to {sizes[-1]:,} jobs, worst of {title}", "", worst[name], note=name)


def _quartiles(values: list[float]) -> list[float]:
    """The middle half: one slow round says nothing about history."""
    ordered = sorted(values)
    return ordered[len(ordered) // 4 : max(len(ordered) // 4 + 1, len(ordered) * 3 // 4)]


def _holds(sizes: list[int], holds: list[dict[str, float]]) -> Iterator[Figure]:
    for name in holds[-1]:
        values = [one[name] for one in holds]
        yield figure(f"hold {name}", f"Longest hold of SQLite's writer: {name}", "ms", values[-1])
    name = max(holds[-1], key=lambda one: holds[-1][one])
    title = f"Longest hold of SQLite's writer by any call, {sizes[-1]:,} jobs"
    yield figure("writer_hold_ms", title, "ms", holds[-1][name], note=name)
