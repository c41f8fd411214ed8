"""How long things took is never negative, although a clock was set back meanwhile."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from jobs.models import Run
from jobs.pages.shared.durations import usual
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db
NOW = timezone.now()
EARLIER = NOW - timedelta(hours=1)


def test_a_clock_that_was_set_back_makes_no_duration_negative() -> None:
    job = make_job(JobStatus.FAILED, started_at=NOW, finished_at=EARLIER)
    attempt = make_attempt(job, AttemptStatus.FAILED, started_at=NOW, completed_at=EARLIER)
    run = Run(run_id="r", started_at=NOW, completed_at=EARLIER)
    assert (job.duration_s, attempt.duration_s, run.duration_s) == (0.0, 0.0, 0.0)


def test_an_attempt_takes_as_long_as_its_shim_measured() -> None:
    job = make_job(JobStatus.RUNNING)
    ended = make_attempt(
        job, AttemptStatus.FAILED, started_at=NOW, completed_at=EARLIER, result_json={"duration_s": 30.4}
    )
    assert ended.duration_s == 30.4
    running = make_attempt(job, AttemptStatus.RUNNING, started_at=EARLIER, result_json={})
    assert running.duration_s >= 3600


def test_what_has_not_started_or_ended_has_no_duration() -> None:
    assert Run(run_id="r").duration_s is None
    assert make_job(JobStatus.RUNNING, started_at=EARLIER).duration_s is None
    assert make_job(JobStatus.CANCELLED, at=NOW, finished_at=NOW + timedelta(seconds=5)).duration_s == 5.0


def test_the_usual_time_of_a_tool_is_measured_by_the_shim_too() -> None:
    cache.clear()
    for seconds in (10.0, 20.0, 30.0):
        job = make_job(JobStatus.COMPLETED)
        make_attempt(job, started_at=NOW, completed_at=EARLIER, result_json={"duration_s": seconds})
    assert usual()["shell"].p50 == 20.0
