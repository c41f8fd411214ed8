"""The filter of the events, for API and command."""

from datetime import datetime

from django.db.models import QuerySet

from jobs.models import Event


def matching(
    rows: "QuerySet[Event]",
    *,
    event_type: str = "",
    actor: str = "",
    run_id: str = "",
    workstream_id: str = "",
    job_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> "QuerySet[Event]":
    """The fields together narrow; an `event_type` that ends with a dot takes all that begin with it."""
    kind = "event_type__startswith" if event_type.endswith(".") else "event_type"
    wanted = {
        kind: event_type,
        "actor": actor,
        "run_id": run_id,
        "ws_id": workstream_id,
        "job__job_id": job_id,
        "timestamp__gte": since,
        "timestamp__lt": until,
    }
    return rows.filter(**{field: value for field, value in wanted.items() if value})
