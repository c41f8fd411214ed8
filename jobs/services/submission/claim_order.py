"""Priority with ageing, as one number that is fixed when a job is submitted.

Effective priority = level * AGEING + waiting time. The difference between two waiting jobs never changes with time, so the
order can be stored: claim_order = time of submission - level * AGEING. A low job that has waited three ageing periods longer than
a critical one goes first, so nothing starves.
"""

from datetime import datetime

from django.conf import settings

from jobs.states import Priority

LEVEL = {Priority.CRITICAL: 3, Priority.HIGH: 2, Priority.NORMAL: 1, Priority.LOW: 0}


def claim_order(priority: Priority, submitted_at: datetime) -> int:
    """Microseconds; the smaller is claimed first."""
    return int((submitted_at.timestamp() - LEVEL[priority] * settings.ENGINE_AGEING_S) * 1_000_000)
