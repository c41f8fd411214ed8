"""Every pair of states: what the table allows happens, what it does not is refused, and both leave true rows."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs.errors import WrongState
from jobs.models import Event, Job, StepAttempt
from jobs.services.core.transitions import move
from jobs.states import ALIVE, ATTEMPT_FINAL, ATTEMPT_NEXT, FINAL, NEXT, AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db
PAIRS = [(old, new) for old in JobStatus for new in JobStatus]


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=[f"{old}-{new}" for old, new in PAIRS])
def test_a_job_moves_exactly_where_the_table_says(old: JobStatus, new: JobStatus) -> None:
    job = make_job(status=old)
    if new in NEXT[old]:
        move(job, new)
        job.refresh_from_db()
        assert job.status == new
        assert (job.finished_at is not None) == (new in FINAL)
        assert Event.objects.get(job=job).payload_json["new"] == new
    else:
        with pytest.raises(WrongState):
            move(job, new)
        job.refresh_from_db()
        assert job.status == old
        assert not Event.objects.filter(job=job).exists()


def test_the_tables_name_every_state() -> None:
    assert set(NEXT) == set(JobStatus)
    assert set(ATTEMPT_NEXT) == set(AttemptStatus)
    assert not set(FINAL) & set(ALIVE)


def test_a_final_attempt_never_changes() -> None:
    assert all(not ATTEMPT_NEXT[status] for status in ATTEMPT_FINAL)


def test_of_two_moves_from_one_status_one_wins() -> None:
    mine = make_job(status=JobStatus.QUEUED)
    theirs = Job.objects.get(pk=mine.pk)
    move(theirs, JobStatus.RUNNING, fence=1)
    with pytest.raises(WrongState, match="no longer queued"):
        move(mine, JobStatus.CANCELLED)
    assert Event.objects.filter(job=mine).count() == 1


def test_a_writer_with_an_old_fence_changes_nothing() -> None:
    job = make_job(status=JobStatus.RUNNING, fence=3)
    stale = Job.objects.get(pk=job.pk)
    Job.objects.filter(pk=job.pk).update(fence=4)
    with pytest.raises(WrongState, match="no longer running"):
        move(stale, JobStatus.COMPLETED)


def test_the_run_follows_its_jobs() -> None:
    first, second = make_job(), make_job()
    move(first, JobStatus.RUNNING, started_at=timezone.now())
    first.run.refresh_from_db()
    assert first.run.status == "running" and first.run.started_at
    move(first, JobStatus.COMPLETED)
    first.run.refresh_from_db()
    assert first.run.status == "running"  # the second is not through
    move(second, JobStatus.RUNNING, started_at=timezone.now())
    move(second, JobStatus.FAILED)
    first.run.refresh_from_db()
    assert first.run.status == "failed" and first.run.completed_at
    first.workstream.refresh_from_db()
    assert first.workstream.status == "failed"


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("job_status_known", {"status": "sleeping"}),
        ("job_priority_known", {"priority": "urgent"}),
        ("job_finished_iff_final", {"status": "completed", "finished_at": None}),
        ("job_queued_has_no_open_dependency", {"unmet_dependencies": 1}),
    ],
)
def test_the_database_refuses_what_no_service_would_write(constraint: str, fields: dict[str, object]) -> None:
    job = make_job()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**fields)


def test_a_job_has_at_most_one_living_attempt() -> None:
    job = make_job(status=JobStatus.RUNNING)
    make_attempt(job, AttemptStatus.RUNNING)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_attempt(job, AttemptStatus.RUNNING)
    assert StepAttempt.objects.alive().count() == 1
