"""The report of one run: figures by topic, written as JSON and text; its last line is for machines."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.bench.figures import Figure, number
from tests.bench.machine import Machine

LAST_LINE = (
    "of_limit",
    "vs_django_q2",
    "vs_celery_redis",
    "vs_huey_sqlite",
    "start_p95_ms",
    "http_jobs_s",
    "mb_per_waiting",
    "flat_1m",
)


@dataclass
class Section:
    """What one topic measured, and the machine's load while it did."""

    topic: str
    figures: list[Figure] = field(default_factory=list)
    load_before: float = 0.0
    load_after: float = 0.0
    seconds: float = 0.0
    failure: str = ""


@dataclass
class Report:
    machine: Machine
    started: str
    quick: bool
    sections: list[Section] = field(default_factory=list)

    def figures(self) -> Iterator[Figure]:
        for section in self.sections:
            yield from section.figures

    def find(self, key: str) -> Figure | None:
        return next((figure for figure in self.figures() if figure.key == key), None)

    def last_line(self) -> str:
        found = ((key, self.find(key)) for key in LAST_LINE)
        return "bench: " + " ".join(f"{key}={number(figure.value if figure else None)}" for key, figure in found)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        told = json.loads(path.read_text())
        return cls(
            Machine(**told["machine"]), told["started"], told["quick"], [_section(one) for one in told["sections"]]
        )


def _section(told: dict[str, Any]) -> Section:
    figures = [Figure(**{**one, "values": tuple(one["values"])}) for one in told["figures"]]
    return Section(**{**told, "figures": figures})


def lines(figures: Iterable[Figure]) -> Iterator[str]:
    """One line for each figure, as it is printed while the run goes on."""
    for one in figures:
        goal = f"goal {one.goal} {'met' if one.verdict == 'yes' else 'MISSED'}" if one.verdict else ""
        spread = f"({one.spread})" if one.spread else ""
        told = "  ".join(part for part in (spread, goal, one.note) if part)
        yield f"  {one.title:<58}{number(one.value):>8} {one.unit:<12}{told}".rstrip()
