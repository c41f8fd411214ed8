"""Retention: removes what ended long ago, in small batches."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import Coalesce

from jobs import db
from jobs.models import Dependency, Job, Run, StepAttempt, Workstream
from jobs.models.job import JobQuerySet
from jobs.services.core import events
from jobs.services.maintenance.removal import BATCH_SIZE, Removed, remove_jobs
from jobs.states import FINAL


def prunable(days: int) -> JobQuerySet:
    """Final jobs that ended more than `days` ago and that no unfinished job waits for; oldest first, by index."""
    before = db.now() - timedelta(days=days)
    needed = Dependency.objects.filter(needs=OuterRef("pk")).exclude(job__status__in=FINAL)
    return Job.objects.filter(~Exists(needed), finished_at__lt=before).order_by("finished_at")


def prune(days: int | None = None, *, max_jobs: int | None = None, by: str = "engine") -> Removed:
    """Remove final jobs older than `days` (default: the setting), at most `max_jobs`, with attempts, logs and events."""
    days = settings.ENGINE_RETENTION_DAYS if days is None else days
    done = Removed()
    while max_jobs is None or done.jobs < max_jobs:
        size = BATCH_SIZE if max_jobs is None else min(BATCH_SIZE, max_jobs - done.jobs)
        batch = list(prunable(days).values_list("pk", flat=True)[:size])
        if not batch:
            break
        remove_jobs(batch, prunable(days), done)
    if done.jobs:
        _drop_empty_runs(days)
        events.record("retention.pruned", by=by, jobs=done.jobs, attempts=done.attempts, log_bytes=done.log_bytes)
    return done


def preview(days: int) -> Removed:
    """What `prune` would remove; nothing is touched."""
    attempts = StepAttempt.objects.filter(job__in=prunable(days).order_by())
    totals = attempts.aggregate(count=Count("pk"), size=Coalesce(Sum("log_bytes"), 0))
    return Removed(prunable(days).count(), totals["count"], totals["size"])


def _drop_empty_runs(days: int) -> None:
    before = db.now() - timedelta(days=days)
    jobs = Job.objects.order_by()
    # EXISTS ends at the first row; a join would read all jobs and attempts of every run.
    Workstream.objects.filter(~Exists(jobs.filter(workstream=OuterRef("pk"))), updated_at__lt=before).delete()
    used = (
        Exists(jobs.filter(run=OuterRef("run_id"))),
        Exists(Workstream.objects.filter(run=OuterRef("run_id"))),
        Exists(StepAttempt.objects.filter(run=OuterRef("run_id"))),
    )
    Run.objects.filter(*(~one for one in used), updated_at__lt=before).delete()
