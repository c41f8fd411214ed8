"""Retention removes what ended long ago, whole, and nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from jobs.models import Dependency, Event, Job, LogChunk, Run, StepAttempt
from jobs.services.core import events
from jobs.services.maintenance import removal, retention
from jobs.services.maintenance.retention import prune
from jobs.services.operations import job_actions
from jobs.states import JobStatus
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(days=100)


def old_job(**fields: object) -> Job:
    job = make_job(status=JobStatus.COMPLETED, at=LONG_AGO, **fields)
    attempt = make_attempt(job, log_bytes=7)
    attempt.directory.mkdir(parents=True)
    (attempt.directory / "output.log").write_text("content")
    LogChunk.objects.create(attempt=attempt, seq=0, offset=0, first_line=1, line_count=0, data=b"content")
    events.record("job.completed", job=job)
    return job


def test_an_old_job_goes_with_everything_that_belongs_to_it(data_dir: Path) -> None:
    job = old_job()
    place = job.attempts.get().directory
    Run.objects.update(updated_at=LONG_AGO)
    job.workstream.__class__.objects.update(updated_at=LONG_AGO)
    done = prune(90)
    assert (done.jobs, done.attempts, done.log_bytes) == (1, 1, 7)
    assert not place.exists()
    assert not any(model.objects.exists() for model in (Job, StepAttempt, LogChunk, Run))
    assert [event.event_type for event in Event.objects.all()] == ["retention.pruned"]


def test_recent_unfinished_and_needed_jobs_stay(data_dir: Path) -> None:
    recent = make_job(status=JobStatus.FAILED)
    waiting = make_job(status=JobStatus.WAITING, at=LONG_AGO)
    needed = old_job()
    Dependency.objects.create(job=waiting, needs=needed)
    prune(90)
    assert set(Job.objects.all()) == {recent, waiting, needed}


def test_a_dry_run_tells_and_touches_nothing(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = old_job()
    call_command("prune", "--days", "90", "--dry-run")
    assert "1 jobs, 1 attempts, 0.0 MB of logs would go." in capsys.readouterr().out
    assert Job.objects.get() == job and job.attempts.get().directory.exists()


def test_a_log_directory_outside_the_data_directory_is_never_removed(data_dir: Path, tmp_path: Path) -> None:
    job = old_job()
    outside = tmp_path / "precious"
    outside.mkdir()
    StepAttempt.objects.filter(job=job).update(log_dir="../precious")
    prune(90)
    assert outside.exists()


def test_at_most_so_many_go_at_once(data_dir: Path) -> None:
    for _ in range(3):
        old_job()
    assert prune(90, max_jobs=2).jobs == 2
    assert Job.objects.count() == 1


def test_a_job_that_is_retried_while_it_is_about_to_be_removed_stays(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = old_job()
    removed = removal._remove_directory

    def retry_first(attempt: StepAttempt) -> None:
        job_actions.retry(job, by="mara")
        removed(attempt)

    monkeypatch.setattr(removal, "_remove_directory", retry_first)
    done = retention.prune(90)
    assert Job.objects.get().status == "queued"
    assert done.jobs == 0
