"""What a poll costs while nothing changes, and the overview on a cold cache."""

import pytest
from django.core.cache import cache
from django.utils import timezone

from jobs.models import ErrorGroup, Node, ToolControl
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db
POLLS = [
    "/-/overview/strip",
    "/-/overview/running",
    "/-/overview/queue",
    "/-/overview/trouble",
    "/-/overview/people",
    "/-/overview/workers",
    "/-/runs/run-1/radar",
    "/-/runs/run-1/timeline",
    "/-/errors/rows",
    "/-/tools",
    "/-/workers",
    "/-/events/fresh?newest=1",
]

MORE = {  # every 4, 15, 5 and 5 s
    "/-/runs/run-1/timeline": 7,
    "/-/tools": 7,
    "/-/workers": 7,
    "/-/overview/queue": 5,  # loads, rules, and which workers have the tools
}


@pytest.fixture(autouse=True)
def _rows():
    cache.clear()
    kind = ErrorGroup.objects.create(signature="sig1", tool="shell", category="exit_code", message="Boom", count=2)
    ToolControl.objects.create(name="shell", limit=2)
    Node.objects.create(
        name="w-1", host="h", pid=1, pid_started=1, slots=2, queues=["default"], heartbeat_at=timezone.now()
    )
    for status in (JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.COMPLETED):
        make_attempt(make_job(status), AttemptStatus.FAILED, error=kind, reason="exit_code")
    for status in (JobStatus.REVIEW, JobStatus.RETRYING, JobStatus.QUARANTINED, JobStatus.QUEUED, JobStatus.WAITING):
        make_job(status)
    make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING, node="w-1")


@pytest.mark.parametrize("path", POLLS)
def test_a_quiet_poll_takes_few_queries(admin, django_assert_max_num_queries, path):
    first = admin.get(path)
    with django_assert_max_num_queries(MORE.get(path, 4)):
        again = admin.get(path, headers={"HX-PTag": first.headers["HX-PTag"]})
    assert again.status_code == 304


def test_the_overview_takes_twelve_queries_with_a_cold_cache(admin, django_assert_max_num_queries):
    cache.clear()
    with django_assert_max_num_queries(12):
        page = admin.get("/").content.decode()
    assert page.count('<li id="f-') == 2
    assert page.count('<li id="p-') == 2
    assert page.count('<tr id="retry-') == 1
