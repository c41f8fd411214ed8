"""Health answers without a login, says no names, and turns red when nobody takes work."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from engine_site import health
from jobs.models import Node
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db


def node(**fields: object) -> Node:
    return Node.objects.create(
        **{
            "name": "build-a",
            "host": "build-a",
            "pid": 1,
            "pid_started": 1,
            "slots": 2,
            "queues": ["default"],
            **fields,
        }
    )


def test_up_and_ready(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_without_a_worker_nobody_takes_work(client: Client) -> None:
    assert client.get("/healthz/workers").status_code == 503
    node(heartbeat_at=timezone.now() - timedelta(minutes=5))
    assert client.get("/healthz/workers").json()["silent"] == 1


def test_a_worker_with_nothing_to_do_is_well(client: Client) -> None:
    node()
    answer = client.get("/healthz/workers")
    assert answer.status_code == 200 and "build-a" not in answer.content.decode()


def test_a_job_that_could_start_and_does_not_is_a_fault(client: Client) -> None:
    node()
    make_job(queued_at=timezone.now() - timedelta(seconds=31))
    assert client.get("/healthz/workers").json()["status"] == "unavailable"


def test_a_job_that_waits_for_a_limit_is_no_fault(client: Client) -> None:
    node()
    make_job(status="running", repo_key="/srv/app")
    make_job(repo_key="/srv/app", queued_at=timezone.now() - timedelta(hours=1))
    assert client.get("/healthz/workers").status_code == 200


def test_a_draining_worker_lends_no_slots(client: Client) -> None:
    node(draining=True)
    make_job(queued_at=timezone.now() - timedelta(hours=1))
    answer = client.get("/healthz/workers")
    assert (answer.status_code, answer.json()["free_slots"]) == (200, 0)


def test_slots_are_counted_from_the_workers_own_attempts(client: Client) -> None:
    node()
    for _ in range(2):
        make_attempt(make_job(status="running"), "running", node="a command in the foreground")
    assert client.get("/healthz/workers").json()["free_slots"] == 2


def test_a_full_disk_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "free_bytes", lambda: 1000)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["because"]) == (503, "the disk of the data directory is full")
    assert client.get("/healthz").status_code == 200
