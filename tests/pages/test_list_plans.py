"""History costs nothing: lists, counts and pages read a table that grows by an index, or its newest rows by key."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from engine_site.seed import seed
from jobs.models import ErrorGroup, Job, Run
from jobs.services.maintenance import retention
from tests.factories import make_user
from tests.plans import BIG, SCAN, Explained, explained

HISTORY = 400
PLACES = [
    "/",
    "/jobs",
    "/jobs?status=failed",
    "/jobs?status=failed&status=timeout&status=rejected",
    "/jobs?tool=aider",
    "/jobs?run={run}",
    "/jobs?submitter=mara",
    "/jobs?sort=oldest",
    "/jobs/{job}",
    "/jobs/{job}/events",
    "/runs",
    "/runs/{run}",
    "/runs/{run}/timeline",
    "/runs/{run}/graph",
    "/errors",
    "/errors/{error}",
    "/tools",
    "/tools/aider",
    "/workers",
    "/queues/default",
    "/events",
    "/api/v1/jobs",
    "/api/v1/jobs?status=failed",
    "/api/v1/jobs?status=final",
    "/api/v1/jobs?status=active",
    "/api/v1/jobs/{job}",
    "/api/v1/runs",
    "/api/v1/events",
    "/api/v1/errors",
    "/api/v1/tools",
    "/api/v1/queues",
    "/api/v1/workers",
]
# Rows of one run, or what a search by text has to look at, are not history.
pytestmark = [pytest.mark.sqlite]


@pytest.fixture(scope="module")
def history(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, str]]:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        seed(HISTORY)
        job = Job.objects.order_by("pk")[HISTORY // 2]
        error = ErrorGroup.objects.all()[0]
        yield {"job": job.job_id, "run": job.run_id, "error": error.signature}
        for table in ("events", "step_attempts", "jobs", "workstreams", "runs", "errors"):
            cursor.execute(f"DELETE FROM {table}")


def whole(statements: list[Explained]) -> list[str]:
    """Those that read a whole table: by a scan without a limit, or with a limit that takes effect after a sort."""
    return [one.sql for one in statements if _reads_all(one)]


def _reads_all(one: Explained) -> bool:
    scanned = {table for table, index in one.reads if index == SCAN and table in BIG}
    return bool(scanned) and (one.sorts or "LIMIT" not in one.sql)


@pytest.mark.django_db
@pytest.mark.parametrize("place", PLACES)
def test_nothing_reads_a_whole_table(history: dict[str, str], client: Client, place: str) -> None:
    client.force_login(make_user("root", admin=True))
    cache.clear()
    with explained() as statements:
        assert client.get(place.format(**history)).status_code == 200
    assert whole(statements) == []


@pytest.mark.django_db
def test_all_ended_jobs_are_listed_without_sorting_them(history: dict[str, str], client: Client) -> None:
    client.force_login(make_user("root", admin=True))
    with explained() as statements:
        assert client.get("/api/v1/jobs?status=final").status_code == 200
    assert [one.sql for one in statements if one.sorts and 'FROM "jobs"' in one.sql] == []


@pytest.mark.django_db
def test_empty_runs_are_found_without_reading_attempts_and_jobs_of_the_others(history: dict[str, str]) -> None:
    with explained() as statements:
        retention._drop_empty_runs(0)
    read = [one for one in statements if one.sql.startswith("SELECT") and ("jobs", SCAN) not in one.reads]
    assert read
    assert [one.sql for one in read if "JOIN" in one.sql] == []
    assert Run.objects.exists()
