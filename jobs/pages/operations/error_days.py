"""Rows of the list of error groups, and the bars that show on which days each was seen."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate

from jobs import db
from jobs.access import Actor
from jobs.models import ErrorGroup
from jobs.pages.shared.charts import Spark, days_path

DAYS = 14
NEW_H = 24


@dataclass(frozen=True)
class ErrorRow:
    """A group in the list; what is counted is what the viewer sees."""

    group: ErrorGroup
    drawn: Spark  # a bar for each of the last days
    recent: int  # times in these days
    jobs: int

    @property
    def is_new(self) -> bool:
        return self.group.first_seen_at >= db.now() - timedelta(hours=NEW_H)


def rows_of_groups(actor: Actor, groups: Sequence[ErrorGroup]) -> list[ErrorRow]:
    """With the last 14 days, counted by one query for all."""
    now = db.now()
    found = actor.attempts().filter(error__in=list(groups), completed_at__gte=now - timedelta(days=DAYS))
    by_day = found.annotate(day=TruncDate("completed_at")).values("error_id", "day").order_by()
    days: dict[int, Counter[date]] = defaultdict(Counter)
    jobs: Counter[int] = Counter()
    for row in by_day.annotate(n=Count("pk"), jobs=Count("job", distinct=True)) if groups else []:
        days[row["error_id"]][row["day"]] += row["n"]
        jobs[row["error_id"]] += row["jobs"]
    shown_days = last_days(now.date())
    return [
        ErrorRow(
            group,
            days_path([days[group.pk][day] for day in shown_days]),
            sum(days[group.pk].values()),
            jobs[group.pk],
        )
        for group in groups
    ]


def last_days(today: date) -> list[date]:
    return [today - timedelta(days=DAYS - 1 - index) for index in range(DAYS)]


def bars(counts: Counter[date], today: date, height: int) -> list[dict[str, str]]:
    """One bar a day; a day without any shows the ground line, today is red."""
    numbers = [counts[day] for day in last_days(today)]
    most = max(numbers) or 1
    step = 100 / DAYS
    found = []
    for index, number in enumerate(numbers):
        tall = max(1.0, number / most * height)
        look = "track" if not number else "bad" if index == DAYS - 1 else "dim"
        found.append(
            {
                "x": f"{index * step:.1f}%",
                "width": f"{step * 0.72:.1f}%",
                "y": f"{height - tall:.1f}",
                "height": f"{tall:.1f}",
                "kind": look,
            }
        )
    return found
