"""Removal of jobs with all that belongs to them: directories, copies of logs, attempts, events, rows."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from jobs import db
from jobs.models import Event, Job, LogChunk, StepAttempt
from jobs.models.job import JobQuerySet

BATCH_SIZE = 200  # jobs of one transaction: short enough that no writer waits long


@dataclass
class Removed:
    """What was removed, or would be."""

    jobs: int = 0
    attempts: int = 0
    log_bytes: int = 0


def remove_jobs(batch: Sequence[int], removable: JobQuerySet, done: Removed) -> None:
    """Remove those jobs of the batch that are still `removable`, and add them to `done`.

    Logs go before rows: a row without its log says so, a log without its row would never be found again.
    """
    attempts = list(StepAttempt.objects.filter(job_id__in=batch).only("job_id", "marker", "log_dir", "log_bytes"))
    for attempt in attempts:
        _remove_directory(attempt)
        LogChunk.objects.filter(attempt=attempt).delete()  # megabytes: apart, so that no writer waits for all of them
    with db.atomic():
        # Read again: a person may have asked for another attempt since.
        gone = set(removable.filter(pk__in=batch).select_for_update(of=("self",)).values_list("pk", flat=True))
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
    if attempt.marker:
        shutil.rmtree(attempt.temp_dir, ignore_errors=True)  # of one that was lost; others removed it themselves
