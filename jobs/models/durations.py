"""How long something took, for every model that has a start and an end."""

from datetime import datetime
from typing import Any

from django.utils import timezone


def elapsed_s(start: datetime, end: datetime | None = None) -> float:
    """Seconds from `start` to `end`, or until now. Never negative: a host's clock may have been set back in between."""
    return max(0.0, ((end or timezone.now()) - start).total_seconds())


def measured_s(measured: Any, start: datetime, end: datetime | None) -> float:
    """The shim's own measurement where an attempt's result holds one: its clock is never set back."""
    known = isinstance(measured, int | float) and not isinstance(measured, bool) and measured >= 0
    return float(measured) if known else elapsed_s(start, end)
