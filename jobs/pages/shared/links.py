"""Addresses that several pages share."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.http import urlencode


def jobs_url(statuses: Iterable[str], **filters: str) -> str:
    """The list of the jobs in any of these states."""
    return f"{reverse('jobs')}?{urlencode([*(('status', status) for status in statuses), *filters.items()])}"
