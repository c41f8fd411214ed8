"""Events: the one function that writes them, in the transaction of the change that they record."""

from collections.abc import Sequence
from typing import Any

from jobs import audit
from jobs.models import Event, Job
from jobs.services.core.sanitize import storable
from jobs.sql.model_rows import insert


def record(
    event_type: str,
    *,
    job: Job | None = None,
    run_id: str | None = None,
    ws_id: str = "",
    by: str = "engine",
    **payload: Any,
) -> Event:
    """Append what happened. Values of secrets never belong in `payload`."""
    happened = event(event_type, job=job, run_id=run_id, ws_id=ws_id, by=by, **payload)
    happened.save(force_insert=True)
    return happened


def record_all(happened: Sequence[Event]) -> None:
    """Append all of it, in this order."""
    insert(happened, returning="")


def event(
    event_type: str,
    *,
    job: Job | None = None,
    run_id: str | None = None,
    ws_id: str = "",
    by: str = "engine",
    **payload: Any,
) -> Event:
    """What happened, not written yet."""
    caller = audit.current()
    return Event(
        event_type=event_type,
        via=caller.via,
        address=caller.address,
        job=job,
        run_id=run_id or (job.run_id if job else None),
        ws_id=ws_id or (job.workstream.ws_id if job else ""),
        actor=by,
        payload_json=storable({**({"job_id": job.job_id} if job else {}), **payload}),
    )
