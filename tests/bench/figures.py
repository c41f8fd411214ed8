"""A figure of the benchmark: what was measured, how often, how far the values lie apart, and the goal that it has."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    limit: float
    at_least: bool = False  # else: at most

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"

    def is_met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """Without values it was not measured; `note` then says why."""

    key: str
    title: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    @property
    def value(self) -> float | None:
        return statistics.median(self.values) if self.values else None

    @property
    def goal(self) -> Goal | None:
        return GOALS.get(self.key)

    @property
    def spread(self) -> str:
        """The lowest and the highest value, if there are several."""
        return f"{number(min(self.values))} to {number(max(self.values))}" if len(self.values) > 1 else ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met: yes, no, or nothing where there is no goal or no value."""
        if self.goal is None or self.value is None:
            return ""
        return "yes" if self.goal.is_met_by(self.value) else "no"


def figure(key: str, title: str, unit: str, *values: float, note: str = "") -> Figure:
    return Figure(key, title, unit, tuple(values), note)


def number(value: float | None) -> str:
    """Three significant digits, or `none`: an unknown value is never shown as a number."""
    if value is None:
        return "none"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


GOALS = {
    "of_limit": Goal(0.30, at_least=True),
    "of_limit_postgresql": Goal(0.15, at_least=True),
    "vs_django_q2": Goal(2, at_least=True),
    "vs_celery_redis": Goal(1, at_least=True),
    "vs_huey_sqlite": Goal(1, at_least=True),
    "http_jobs_s": Goal(200, at_least=True),
    "start_p95_ms": Goal(20),
    "start_p95_ms_postgresql": Goal(30),
    "post_ms": Goal(5),
    "get_ms": Goal(2),
    "page_ms": Goal(15),
    "mb_per_waiting": Goal(1),
    "waiting_started_s": Goal(5),
    "watchers_half_core": Goal(500, at_least=True),
    "flat_1m": Goal(1.10),
    "flat_1m_statements": Goal(1.10),
    "writer_hold_ms": Goal(50),
    "log_python": Goal(1.05),
    "log_seq": Goal(1.3),
    "restart_s": Goal(3),
    "idle_mb": Goal(120),
    "idle_cpu": Goal(0.5),
}
