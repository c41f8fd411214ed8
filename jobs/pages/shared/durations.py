"""How long each tool usually takes, from its latest good attempts; cached for a minute."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import quantiles
from typing import cast

from django.core.cache import cache

from jobs.models import StepAttempt
from jobs.models.durations import measured_s
from jobs.states import AttemptStatus

SAMPLE_SIZE = 2000
CACHED_S = 60


@dataclass(frozen=True)
class Usual:
    p50: float
    p95: float
    count: int


def usual() -> dict[str, Usual]:
    """tool -> its median and 95th percentile in seconds."""
    return cast(dict[str, Usual], cache.get_or_set("usual-times", _measure, CACHED_S))


def _measure() -> dict[str, Usual]:
    # Without the second condition the partial index attempt_by_end cannot be used, and all attempts would be sorted.
    ended = StepAttempt.objects.filter(status=AttemptStatus.COMPLETED, completed_at__isnull=False)
    rows = ended.order_by("-completed_at")
    times: dict[str, list[float]] = defaultdict(list)
    fields = rows.values_list("step_name", "result_json__duration_s", "started_at", "completed_at")
    for tool, measured, start, end in fields[:SAMPLE_SIZE]:
        times[tool].append(measured_s(measured, start, end))
    return {tool: Usual(percentile(found, 50), percentile(found, 95), len(found)) for tool, found in times.items()}


def percentile(values: list[float], percent: int) -> float:
    """The value below which `percent` of them lie, from 1 to 99; between two values, in proportion."""
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[percent - 1]
