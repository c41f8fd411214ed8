"""A worker host is alive for every interface at once, or for none."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from jobs.models import Node
from tests.factories import make_user
from tests.jobs.test_wait_reasons import make_node

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("heartbeat_s", "lost_after_s"), [(0.2, 15), (2, 15), (10, 50)])
def test_rows_and_queries_draw_the_line_at_the_same_moment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, heartbeat_s: float, lost_after_s: float
) -> None:
    settings.ENGINE_HEARTBEAT_S = heartbeat_s
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    for age, alive in ((lost_after_s, True), (lost_after_s + 0.001, False)):
        node = make_node(name=str(age), heartbeat_at=now - timedelta(seconds=age))
        assert node.is_alive == Node.objects.alive().filter(pk=node.pk).exists() == alive, age
    node = make_node(name="stopped", stopped_at=now)
    assert not node.is_alive and not Node.objects.alive().filter(pk=node.pk).exists()


def test_a_draining_host_is_alive_and_takes_no_jobs() -> None:
    make_node(name="busy")
    make_node(name="draining", draining=True)
    assert Node.objects.alive().count() == 2
    assert [node.name for node in Node.objects.taking_jobs()] == ["busy"]


@pytest.mark.parametrize(
    ("tools", "has"),
    [
        ({"aider": {"available": True, "version": "0.86"}}, True),
        ({"aider": {"available": False}}, False),
        ({"aider": {"path": "/usr/bin/aider"}}, True),  # an adapter that does not say
        ({"aider": "odd"}, False),
        ({}, False),
    ],
)
def test_a_host_has_the_tools_that_it_found(tools: dict[str, object], has: bool) -> None:
    assert make_node(tools=tools).has_tool("aider") == has


def crash(node: Node, at: datetime) -> None:
    Node.objects.filter(pk=node.pk).update(heartbeat_at=at)


def test_a_crashed_host_is_lost_everywhere(client: Client) -> None:
    node = make_node(name="build-a", tools={"aider": {"available": True}})
    client.force_login(make_user(admin=True))
    assert client.get("/api/v1/workers").json()["items"][0]["state"] == "idle"
    crash(node, timezone.now() - timedelta(minutes=5))
    assert client.get("/api/v1/workers").json()["items"][0]["state"] == "lost"
    assert client.get("/api/v1/queues/default").json()["workers"] == []
    assert client.get("/api/v1/tools/aider").json()["available_on"] == []
    assert client.get("/healthz/workers").json()["workers"] == 0
    assert ">lost<" in client.get("/admin/jobs/node/").content.decode()
    for path in ("/workers", "/-/overview/workers"):
        assert "Lost" in client.get(path).content.decode()
