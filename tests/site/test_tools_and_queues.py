"""A tool's and a queue's status is one fact: page, API and command tell the same, and no more than the reader may know."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from engine_site.cli.local import Local
from jobs.access import Actor
from jobs.errors import NotFound
from jobs.models import Node, Project, QueueControl, ToolControl
from jobs.services.core.private_queue import private_queue
from jobs.services.operations import controls
from jobs.services.reading.queue_status import queue_statuses
from jobs.services.reading.tool_status import Availability, ToolHealth, find_tool, tool_statuses
from jobs.services.reading.viewer import UNRESTRICTED
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job, make_user
from tests.jobs.test_wait_reasons import make_node

pytestmark = pytest.mark.django_db
AIDER = {"aider": {"available": True, "version": "0.86"}}


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(make_user(admin=True))
    return client


def health(name: str = "aider") -> ToolHealth:
    tool = find_tool(UNRESTRICTED, name)
    assert tool is not None
    return tool.health


def of_api(client: Client, path: str) -> Any:
    return client.get(f"/api/v1/{path}").json()


def row_of(client: Client, path: str, row_id: str) -> str:
    """The text of one row of a page's table."""
    found = re.search(rf'<tr id="{row_id}">.*?</tr>', client.get(path).content.decode(), re.DOTALL)
    return re.sub(r"<[^>]*>", " ", found[0]) if found else ""


# --- Availability -----------------------------------------------------------------------------------------------------
def test_a_tool_that_no_worker_has_says_so_everywhere_and_is_not_degraded(root: Client) -> None:
    make_node(tools={"aider": {"available": False}})
    job = make_job(tool="aider")
    for _ in range(2):
        make_attempt(job, AttemptStatus.FAILED, step_name="aider", reason="infra", completed_at=timezone.now())
    said = "not installed on any worker"
    tools = row_of(root, "/tools", "t-aider")
    assert said in tools and "Not installed" in tools and "Degraded" not in tools and "%" not in tools
    assert said in root.get("/tools/aider").content.decode()
    assert said in row_of(root, "/-/overview/queue", "load-aider")
    assert said in root.get("/jobs/new").content.decode()
    assert f"aider: {said}" in root.post("/jobs/check", {"tool": "aider", "f_prompt": "x"}).content.decode()
    assert of_api(root, "tools/aider")["health"] == of_api(root, "tools/aider")["availability"] == "not_installed"
    assert next(tool for tool in Local().tools() if tool["name"] == "aider")["health"] == "not_installed"


def test_the_dry_run_says_what_would_keep_the_job_back(root: Client) -> None:
    make_node(tools=AIDER)
    controls.pause_queue("default", by="mara", reason="night shift")
    page = root.post("/jobs/check", {"tool": "aider", "f_prompt": "x", "queue": "default"}).content.decode()
    assert "Waits: queue default is paused: night shift." in page
    controls.resume_queue("default", by="mara")
    assert "Waits:" not in root.post("/jobs/check", {"tool": "aider", "f_prompt": "x"}).content.decode()


def test_a_crashed_host_makes_no_tool_available(root: Client) -> None:
    node = make_node(tools=AIDER)
    assert of_api(root, "tools/aider")["available_on"] == ["n"]
    Node.objects.filter(pk=node.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    assert of_api(root, "tools/aider")["available_on"] == []
    assert find_tool(UNRESTRICTED, "aider").availability is Availability.NO_WORKER  # type: ignore[union-attr]
    for page in (row_of(root, "/tools", "t-aider"), root.get("/tools/aider").content.decode()):
        assert "no worker is connected" in page


def test_versions_are_told_by_worker(root: Client) -> None:
    make_node(name="a", tools=AIDER)
    make_node(name="b", tools={"aider": {"available": True, "version": "0.90"}})
    make_node(name="c", tools={"aider": {"available": False, "version": "0.1"}})
    assert of_api(root, "tools/aider")["versions"] == {"a": "0.86", "b": "0.90"}
    row = row_of(root, "/tools", "t-aider")
    assert "0.86, 0.90" in row and "2 of 3" in row


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ({"paused": True, "circuit": "open"}, "paused"),
        ({"circuit": "open"}, "circuit_open"),
        ({"circuit": "half_open"}, "half_open"),
        ({}, "healthy"),
    ],
)
def test_one_word_for_a_tool_names_what_holds_it_back_first(control: dict[str, Any], expected: str) -> None:
    node = make_node(tools=AIDER)
    ToolControl.objects.create(name="aider", **control)
    assert health() == expected
    Node.objects.filter(pk=node.pk).update(tools={})
    assert health() == "not_installed", "nothing else matters then"
    node.delete()
    assert health() == ("no_worker" if expected == "healthy" else expected)


def test_a_tool_is_degraded_by_its_own_failures_alone() -> None:
    make_node(tools=AIDER)
    job = make_job(JobStatus.FAILED, tool="aider")
    at = {"step_name": "aider", "completed_at": timezone.now()}
    make_attempt(job, AttemptStatus.FAILED, reason="tests_failed", **at)
    make_attempt(job, AttemptStatus.FAILED, reason="infra", **at)
    make_attempt(job, AttemptStatus.LOST, reason="lost", **at)
    assert health() == "healthy"
    make_attempt(job, AttemptStatus.FAILED, reason="crashed", **at)
    assert health() == "degraded"


# --- What the reader may know -----------------------------------------------------------------------------------------
@pytest.fixture
def outsider(client: Client) -> Client:
    """Signed in as somebody who sees /srv/app and not /srv/secret, where one job runs and one waits."""
    Project.objects.create(root="/srv/secret", name="Secret").viewers.add(Group.objects.create(name="insiders"))
    make_node(tools=AIDER)
    hidden = {"tool": "aider", "title": "Hidden title", "repo_key": "/srv/secret/repo"}
    make_attempt(make_job(JobStatus.RUNNING, **hidden), AttemptStatus.RUNNING, node="n")
    make_job(**hidden)
    make_job(tool="aider", repo_key="/srv/app")
    client.force_login(make_user("olga", role="operator"))
    return client


def test_no_count_reveals_hidden_jobs(outsider: Client) -> None:
    for path in ("tools/aider", "queues/default"):
        answer = of_api(outsider, path)
        assert (answer["running"], answer["queued"]) == (0, 1), path
    assert of_api(outsider, "workers")["items"][0]["running"] == 0
    assert "0 in use" not in row_of(outsider, "/tools", "t-aider")
    (tool,) = [tool for tool in tool_statuses(Actor(make_user("vera", role="viewer"))) if tool.name == "aider"]
    assert (tool.running, tool.queued) == (0, 1)


@pytest.mark.parametrize("path", ["/workers", "/-/workers", "/queues/default", "/-/overview/workers", "/tools/aider"])
def test_hidden_jobs_are_not_named_beside_their_worker(outsider: Client, path: str) -> None:
    assert "Hidden title" not in outsider.get(path).content.decode()


# --- Private queues ---------------------------------------------------------------------------------------------------
def test_private_queues_are_hidden_everywhere(root: Client) -> None:
    queue = private_queue()
    make_job(queue=queue)
    make_job(JobStatus.COMPLETED, queue=queue)
    assert all(one.name != queue for one in queue_statuses(UNRESTRICTED))
    assert queue not in json.dumps(of_api(root, "queues"))
    assert root.get(f"/api/v1/queues/{queue}").status_code == 404
    assert queue not in root.get("/workers").content.decode()
    assert root.get(f"/queues/{queue}").status_code == 404


def test_nobody_pauses_a_private_queue(root: Client) -> None:
    with pytest.raises(NotFound):
        controls.pause_queue(private_queue(), by="mara")
    assert root.post(f"/api/v1/queues/{private_queue()}/pause", content_type="application/json").status_code in (
        403,
        404,
    )
    root.post(f"/queues/{private_queue()}/pause")
    assert not QueueControl.objects.exists()


# --- Page and API agree -----------------------------------------------------------------------------------------------
def test_page_and_api_tell_the_same_of_a_queue(root: Client) -> None:
    make_node(queues=["gpu"])
    make_job(queue="gpu", queued_at=timezone.now() - timedelta(minutes=3))
    make_job(JobStatus.WAITING, queue="gpu")
    make_job(JobStatus.RUNNING, queue="gpu")
    controls.limit_queue("gpu", 0, by="mara")
    controls.pause_queue("gpu", by="mara", reason="night")
    answer = of_api(root, "queues/gpu")
    assert (answer["queued"], answer["waiting"], answer["running"], answer["limit"]) == (1, 1, 1, 0)
    assert (answer["paused"], answer["paused_reason"], answer["workers"]) == (True, "night", ["n"])
    assert re.split(r"\s{2,}", row_of(root, "/workers", "q-gpu").strip()) == [
        "gpu",
        "Paused",
        "1",
        "1",
        "1",
        "3m 00s",
        "0",
    ]
    page = root.get("/queues/gpu").content.decode()
    assert "night" in page and ">n</a>" in page


def test_a_queue_of_finished_jobs_alone_has_a_page_as_in_the_api(root: Client) -> None:
    make_job(JobStatus.COMPLETED, queue="old")
    assert of_api(root, "queues/old")["queued"] == 0
    page = root.get("/queues/old")
    assert page.status_code == 200 and "No workers serve this queue" in page.content.decode()


def test_an_unknown_tool_is_not_operated(root: Client) -> None:
    assert root.post("/tools/ghost/pause").status_code == 404
    assert not ToolControl.objects.exists()


def test_the_limit_of_the_settings_is_told_where_no_operator_set_one(root: Client, settings: Any) -> None:
    settings.ENGINE_TOOL_LIMITS = {"aider": 3}
    assert of_api(root, "tools/aider")["limit"] == 3
    controls.limit_tool("aider", 0, by="mara")
    assert of_api(root, "tools/aider")["limit"] == 0
