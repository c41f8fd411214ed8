"""Waiting for a job ends when it is settled, and never later than the time that was given."""

import time

import pytest

from jobs.models import Job
from jobs.services.reading import waiting
from jobs.services.reading.waiting import wait_for
from jobs.states import SETTLED, JobStatus
from schema.client import client
from tests.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", SETTLED)
def test_a_settled_job_is_not_waited_for(status: JobStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept"))
    assert wait_for(make_job(status)).status == status


def test_the_wait_ends_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(JobStatus.RUNNING)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            Job.objects.filter(pk=job.pk).update(status=JobStatus.REVIEW)

    monkeypatch.setattr(time, "sleep", sleep)
    assert wait_for(job).status == "review"
    assert slept == [waiting.POLL_S] * 3


def test_the_wait_ends_in_time() -> None:
    began = time.monotonic()
    assert wait_for(make_job(JobStatus.QUEUED), 0.1).status == "queued"
    assert 0.1 <= time.monotonic() - began < 2


def test_the_client_stops_waiting_where_the_server_does() -> None:
    assert sorted(client.SETTLED) == sorted(status.value for status in SETTLED)
