"""Corrections by hand in the rows of jobs, runs and workstreams. Status is not one of them: actions change that."""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, Model

import schema
from jobs import db
from jobs.errors import InvalidDocument, NotFound
from jobs.models import Job, Run, Workstream
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.core.private_queue import is_private
from jobs.services.core.sanitize import storable, text
from jobs.services.submission.claim_order import claim_order
from jobs.states import Priority

OF_JOB = ("title", "priority", "queue", "concurrency_key", "concurrency_limit", "expires_at", "submitted_by")
OF_RUN = ("title", "metadata_json")
OF_WORKSTREAM = ("title", "depends_on", "metadata_json")


def correct_job(job: Job, changes: Mapping[str, Any], *, by: str) -> Job:
    """Set these columns and no other, whatever else happened to the job meanwhile; the order in its queue follows.

    Raises InvalidDocument for a queue that no job may name, NotFound when the job is gone.
    """
    _only(changes, OF_JOB)
    fields = dict(changes)
    if "title" in fields:
        fields["title"] = text(fields["title"])
    if "queue" in fields:
        _require_queue(fields["queue"])
    if "priority" in fields:
        fields["claim_order"] = claim_order(Priority(fields["priority"]), job.created_at)
    if "submitted_by" in fields:  # the right to act on it goes with the name
        fields["submitter"] = User.objects.filter(username=fields["submitted_by"]).first()
    with db.atomic():
        before = _written(job, changes, version=F("version") + 1, **fields)
        events.record("job.corrected", job=job, by=by, before=before, after=_shown(changes))
        db.on_commit(wake)
    job.refresh_from_db()
    return job


def correct_run(run: Run, changes: Mapping[str, Any], *, by: str) -> Run:
    _only(changes, OF_RUN)
    with db.atomic():
        before = _written(run, changes, **changes)
        events.record("run.corrected", run_id=run.run_id, by=by, before=before, after=_shown(changes))
    run.refresh_from_db()
    return run


def correct_workstream(row: Workstream, changes: Mapping[str, Any], *, by: str) -> Workstream:
    _only(changes, OF_WORKSTREAM)
    with db.atomic():
        before = _written(row, changes, **changes)
        after = _shown(changes)
        events.record("workstream.corrected", run_id=row.run_id, ws_id=row.ws_id, by=by, before=before, after=after)
    row.refresh_from_db()
    return row


def _only(changes: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    if unknown := set(changes) - set(allowed):
        raise InvalidDocument(f"{', '.join(sorted(unknown))} cannot be changed by hand.")


def _written(row: Model, changes: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Update the row; returns what the changed columns held. The lock keeps `before` true."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    found = rows.select_for_update().first()
    if found is None:
        raise NotFound(f"{row} no longer exists.")
    rows.update(updated_at=db.now(), **fields)
    return _shown({name: getattr(found, name) for name in changes})


def _require_queue(name: str) -> None:
    rule = schema.load_schema()["$defs"]["queue"]
    if is_private(name) or not re.fullmatch(rule["pattern"], name):
        raise InvalidDocument(f"{name!r} cannot name a queue; expected {rule['description']}.")


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = storable(values)
    return shown
