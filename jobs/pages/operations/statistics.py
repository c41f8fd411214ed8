"""How the last two days went: the numbers of the overview that need many rows, kept for some seconds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import TruncHour

from jobs import db
from jobs.access import Actor
from jobs.models.durations import elapsed_s
from jobs.pages.shared.durations import percentile
from jobs.states import FAILURES, JobStatus

CACHED_S = 15
HOURS = 24
WAITS = 300


@dataclass(frozen=True)
class Pulse:
    hours: list[tuple[int, int]]  # (completed, failed) of each of the last 24 hours, the oldest first
    before: tuple[int, int]  # the same of the 24 hours before, together
    first: datetime
    median_wait: float | None
    p95_wait: float | None

    @property
    def good(self) -> int:
        return sum(good for good, _ in self.hours)

    @property
    def bad(self) -> int:
        return sum(bad for _, bad in self.hours)

    @property
    def success(self) -> float | None:
        return rate(self.good, self.bad)

    @property
    def change(self) -> float | None:
        """Points of success against the day before."""
        then = rate(*self.before)
        return self.success - then if self.success is not None and then is not None else None

    @property
    def per_hour(self) -> int:
        return sum(self.hours[-1]) if self.hours else 0


def rate(good: int, bad: int) -> float | None:
    return 100 * good / (good + bad) if good + bad else None


def pulse(actor: Actor) -> Pulse:
    key = "pulse" if actor.sees_all else f"pulse-{actor.user.pk}"
    return cast(Pulse, cache.get_or_set(key, lambda: _measure(actor), CACHED_S))


def _measure(actor: Actor) -> Pulse:
    now = db.now()
    first = (now - timedelta(hours=HOURS - 1)).replace(minute=0, second=0, microsecond=0)
    ended = actor.jobs().filter(
        finished_at__gte=first - timedelta(hours=HOURS), status__in=(JobStatus.COMPLETED, *FAILURES)
    )
    rows = ended.annotate(hour=TruncHour("finished_at")).values("hour", "status").annotate(n=Count("pk")).order_by()
    hours, before = [[0, 0] for _ in range(HOURS)], [0, 0]
    for row in rows:
        side = 0 if row["status"] == JobStatus.COMPLETED else 1
        index = int((row["hour"] - first).total_seconds() // 3600)
        (hours[index] if 0 <= index < HOURS else before)[side] += row["n"]
    waits = _waits(actor)
    return Pulse(
        [(a, b) for a, b in hours],
        (before[0], before[1]),
        first,
        percentile(waits, 50) if waits else None,
        percentile(waits, 95) if waits else None,
    )


def _waits(actor: Actor) -> list[float]:
    rows: Any = actor.jobs().filter(started_at__isnull=False).order_by("-pk").values_list("created_at", "started_at")
    return [elapsed_s(submitted, start) for submitted, start in rows[:WAITS]]
