"""Remove what ended long ago, in small batches: logs first, then rows, so that no row points to a missing log."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import Coalesce

from jobs import db
from jobs.models import Dependency, Event, Job, LogChunk, Run, StepAttempt, Workstream
from jobs.models.job import JobQuerySet
from jobs.services.core import events
from jobs.states import FINAL

BATCH_SIZE = 200  # jobs of one transaction: short enough that no writer waits long


@dataclass
class Pruned:
    """What was removed, or would be."""

    jobs: int = 0
    attempts: int = 0
    log_bytes: int = 0


def prunable(days: int) -> JobQuerySet:
    """Final jobs that ended more than `days` ago and that no unfinished job waits for; oldest first, by index."""
    before = db.now() - timedelta(days=days)
    needed = Dependency.objects.filter(needs=OuterRef("pk")).exclude(job__status__in=FINAL)
    return Job.objects.filter(~Exists(needed), finished_at__lt=before).order_by("finished_at")


def prune(days: int | None = None, *, max_jobs: int | None = None, by: str = "engine") -> Pruned:
    """Remove final jobs older than `days` (default: the setting), at most `max_jobs`, with attempts, logs and events."""
    days = settings.ENGINE_RETENTION_DAYS if days is None else days
    done = Pruned()
    while max_jobs is None or done.jobs < max_jobs:
        size = BATCH_SIZE if max_jobs is None else min(BATCH_SIZE, max_jobs - done.jobs)
        batch = list(prunable(days).values_list("pk", flat=True)[:size])
        if not batch:
            break
        _prune_batch(batch, days, done)
    if done.jobs:
        _drop_empty_runs(days)
        events.record("retention.pruned", by=by, jobs=done.jobs, attempts=done.attempts, log_bytes=done.log_bytes)
    return done


def preview(days: int) -> Pruned:
    """What `prune` would remove; nothing is touched."""
    attempts = StepAttempt.objects.filter(job__in=prunable(days).order_by())
    totals = attempts.aggregate(count=Count("pk"), size=Coalesce(Sum("log_bytes"), 0))
    return Pruned(prunable(days).count(), totals["count"], totals["size"])


def _prune_batch(batch: list[int], days: int, done: Pruned) -> None:
    attempts = list(StepAttempt.objects.filter(job_id__in=batch).only("job_id", "log_dir", "log_bytes"))
    for attempt in attempts:
        _remove_directory(attempt)
        LogChunk.objects.filter(attempt=attempt).delete()  # megabytes: apart, so that no writer waits for all of them
    with db.atomic():
        # Read again: a person may have asked for another attempt since.
        gone = set(prunable(days).filter(pk__in=batch).select_for_update(of=("self",)).values_list("pk", flat=True))
        Event.objects.filter(job_id__in=gone).delete()
        Job.objects.filter(pk__in=gone).delete()  # attempts and dependencies go with it
    done.jobs += len(gone)
    done.attempts += sum(attempt.job_id in gone for attempt in attempts)
    done.log_bytes += sum(attempt.log_bytes for attempt in attempts if attempt.job_id in gone)


def _remove_directory(attempt: StepAttempt) -> None:
    """Only a directory of ours, below the data directory."""
    root = Path(settings.ENGINE_DATA_DIR).resolve() / "attempts"
    place = attempt.directory.resolve()
    if attempt.log_dir and place.is_relative_to(root) and place != root:
        shutil.rmtree(place, ignore_errors=True)


def _drop_empty_runs(days: int) -> None:
    before = db.now() - timedelta(days=days)
    Workstream.objects.filter(jobs__isnull=True, updated_at__lt=before).delete()
    Run.objects.filter(
        jobs__isnull=True, workstreams__isnull=True, attempts__isnull=True, updated_at__lt=before
    ).delete()
