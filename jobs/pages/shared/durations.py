"""What is usual: how long each tool takes, from its latest good attempts. Read rarely, kept for a minute."""

from collections import defaultdict
from dataclasses import dataclass

from django.core.cache import cache

from jobs.models import StepAttempt
from jobs.states import AttemptStatus

LATEST = 2000
KEEP_S = 60


@dataclass(frozen=True)
class Usual:
    p50: float
    p95: float
    count: int


def usual() -> dict[str, Usual]:
    """tool -> its median and 95th percentile in seconds."""
    kept: dict[str, Usual] | None = cache.get("usual-times")
    if kept is None:
        kept = _measure()
        cache.set("usual-times", kept, KEEP_S)
    return kept


def _measure() -> dict[str, Usual]:
    rows = StepAttempt.objects.filter(status=AttemptStatus.COMPLETED).order_by("-completed_at")
    times: dict[str, list[float]] = defaultdict(list)
    for tool, start, end in rows.values_list("step_name", "started_at", "completed_at")[:LATEST]:
        if end is not None:
            times[tool].append((end - start).total_seconds())
    return {tool: Usual(percentile(found, 50), percentile(found, 95), len(found)) for tool, found in times.items()}


def percentile(values: list[float], percent: float) -> float:
    """The value below which `percent` of them lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered) + 0.5) - 1))]
