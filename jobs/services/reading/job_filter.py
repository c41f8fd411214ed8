"""The filter of the jobs list: one grammar for page, API, command and bulk actions."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Value
from django.db.models.functions import Concat

from jobs import db
from jobs.errors import InvalidDocument
from jobs.models.job import JobQuerySet
from jobs.states import FINAL, NEEDS_ATTENTION, UNSUCCESSFUL, JobStatus, Priority

GROUPS = {
    "active": [status for status in JobStatus if status not in FINAL],
    "final": list(FINAL),
    "attention": list(NEEDS_ATTENTION),
    "unsuccessful": list(UNSUCCESSFUL),
}
# The short names of the pages' addresses.
SHORT = {"run": "run_id", "ws": "workstream_id", "submitter": "submitted_by"}
SINCE = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}


@dataclass(frozen=True)
class JobFilter:
    """Values of one field are alternatives, separated by commas; the fields together narrow."""

    status: str = ""
    tool: str = ""
    run_id: str = ""
    workstream_id: str = ""
    queue: str = ""
    priority: str = ""
    reason: str = ""
    submitted_by: str = ""
    q: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "JobFilter":
        """From names as the API or the pages' addresses have them; `since` may be one of SINCE."""
        known = {SHORT.get(name, name): value for name, value in given.items() if value}
        if isinstance(known.get("since"), str):
            known["since"] = db.now() - SINCE[known["since"]]
        return cls(**{field.name: known[field.name] for field in fields(cls) if field.name in known})

    def statuses(self) -> list[str]:
        """Raises InvalidDocument for an unknown state."""
        found: list[str] = []
        for word in _words(self.status):
            if word not in JobStatus.values and word not in GROUPS:
                raise InvalidDocument(f"Unknown status {word!r}; use {', '.join([*JobStatus.values, *GROUPS])}.")
            found += GROUPS.get(word, [word])
        return found

    def apply(self, jobs: JobQuerySet) -> JobQuerySet:
        if self.status:
            jobs = _in_statuses(jobs, self.statuses())
        priorities = _words(self.priority)
        if unknown := [word for word in priorities if word not in Priority.values]:
            raise InvalidDocument(f"Unknown priority {unknown[0]!r}; use {', '.join(Priority.values)}.")
        several = {
            "tool": self.tool,
            "run_id": self.run_id,
            "workstream__ws_id": self.workstream_id,
            "reason": self.reason,
            "queue": self.queue,
            "submitted_by": self.submitted_by,
            "priority": self.priority,
        }
        for field, text in several.items():
            if words := _words(text):
                jobs = jobs.filter(**{f"{field}__in": words})
        if self.q:
            found = Q(title__icontains=self.q) | Q(job_id__icontains=self.q) | Q(summary__icontains=self.q)
            jobs = jobs.filter(found | Q(submitted_by__iexact=self.q))
        if self.since:
            jobs = jobs.filter(created_at__gte=self.since)
        return jobs.filter(created_at__lt=self.until) if self.until else jobs


def _in_statuses(jobs: JobQuerySet, statuses: list[str]) -> JobQuerySet:
    """SQLite reads several statuses by their index and then sorts all of these jobs, to show the newest.

    Most jobs are completed. With these among them the newest jobs are soon enough: an expression, which no index has,
    makes it read by key.
    """
    if JobStatus.COMPLETED in statuses and len(statuses) > 1:
        return jobs.alias(status_text=Concat("status", Value(""))).filter(status_text__in=statuses)
    return jobs.filter(status__in=statuses)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
