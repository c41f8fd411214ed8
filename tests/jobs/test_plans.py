"""History costs nothing: with many finished jobs every statement of the hot path reads by the index made for it."""

import os
from collections.abc import Iterator
from itertools import pairwise

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from engine_site.seed import seed
from jobs.models import Dependency, Job, Run, Workstream
from jobs.services.submission.dependencies import failed_need
from jobs.services.submission.submit import submit
from tests.factories import make_document
from tests.plans import KEY, explained, indexes

# Finished jobs; from here to a million the plans stay the same.
HISTORY = int(os.environ.get("ENGINE_TEST_HISTORY", "3000"))
OF_A_JOB = {("job_dependencies", "job_id"), ("job_dependencies", "job_id, needs_id, needs_workstream_id")}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("history")]


@pytest.fixture(scope="module")
def history(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Finished jobs, each in need of the one before, and many runs; they stay for all tests of this module."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        seed(HISTORY)
        jobs = list(Job.objects.order_by("pk"))
        Dependency.objects.bulk_create(Dependency(job=job, needs=need, met=True) for need, job in pairwise(jobs))
        runs = Run.objects.bulk_create(Run(run_id=f"past-{number}", status="completed") for number in range(2000))
        Workstream.objects.bulk_create(Workstream(run=run, ws_id="ws-1", status="completed") for run in runs)
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
        yield
        for table in ("job_dependencies", "events", "step_attempts", "jobs", "workstreams", "runs", "errors"):
            cursor.execute(f"DELETE FROM {table}")


def test_the_question_for_a_failed_need_starts_from_the_rows_of_the_job() -> None:
    parent = submit(make_document())
    needs = [parent.job_id, {"workstream": "ws-1"}]
    child = submit({**make_document(metadata={"depends_on": needs}), "workstream_id": "ws-2"})
    with explained() as statements:
        assert failed_need(child) is None
    of_stream = {("workstreams", KEY), ("jobs", "job_by_workstream"), ("jobs", "workstream_id")}
    assert indexes(statements) <= OF_A_JOB | of_stream | {("jobs", KEY)}


def test_a_job_without_dependencies_asks_for_none() -> None:
    with explained() as statements:
        submit(make_document())
    assert not [each.sql for each in statements if "job_dependencies" in each.sql]
