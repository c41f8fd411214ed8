"""Why a job waits: a type and a sentence for each reason, in the same words for every interface."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from engine_site.cli.local import Local
from jobs.access import Actor
from jobs.models import Dependency, Job, Node, Project
from jobs.services.core.private_queue import private_queue
from jobs.services.operations import controls
from jobs.services.reading.viewer import UNRESTRICTED
from jobs.services.reading.wait_reasons import for_jobs
from jobs.states import JobStatus, WaitType
from tests.factories import make_job, make_user, make_workstream

pytestmark = pytest.mark.django_db


def make_node(**fields: object) -> Node:
    known = {"name": "n", "host": "n", "pid": 1, "pid_started": 1, "queues": ["default"], "slots": 1}
    return Node.objects.create(**(known | fields))


def waits(job: Job) -> str:
    job.refresh_from_db()
    found = for_jobs([job])[job.pk]
    return f"{found.type}: {found.sentence}"


def wait_for_parents(child: Job, *parents: Job) -> None:
    Dependency.objects.bulk_create(Dependency(job=child, needs=parent) for parent in parents)


def test_every_reason_has_a_type_and_a_sentence() -> None:
    make_node()
    assert waits(make_job()) == "turn: Next when a slot is free."
    assert waits(make_job(queue="gpu")) == "no_worker: No worker takes jobs from queue gpu."
    holder = make_job(status=JobStatus.RUNNING, repo_key="/srv/app", concurrency_key="gpu")
    assert waits(make_job(repo_key="/srv/app")) == (
        f"repository: Waits: {holder.job_id} is writing in the same working tree."
    )
    assert waits(make_job(concurrency_key="gpu")) == "concurrency_key: Waits: gpu is in use."
    assert waits(make_job(status=JobStatus.WAITING, on_hold=True)) == "hold: On hold."


def test_a_limit_says_who_set_what() -> None:
    make_node()
    controls.limit_tool("codex", 0, by="mara")
    assert waits(make_job(tool="codex")) == "tool: Waits: the limit of codex is 0."
    make_job(status=JobStatus.RUNNING, tool="claude")
    controls.limit_tool("claude", 1, by="mara")
    assert waits(make_job(tool="claude")) == "tool: Waits: claude is using its only slot."
    controls.pause_tool("codex", by="mara", reason="quota")
    assert waits(make_job(tool="codex")) == "tool: Waits: codex is paused: quota."
    controls.trip_circuit("gemini", by="mara")
    assert waits(make_job(tool="gemini")) == "tool: Waits: the circuit of gemini is open."
    controls.pause_queue("default", by="mara", reason="night shift")
    assert waits(make_job()) == "queue: Waits: queue default is paused: night shift."


def test_a_retry_says_when_and_why() -> None:
    later = timezone.now().replace(hour=12, minute=5, second=7) + timedelta(days=1)
    job = make_job(status=JobStatus.RETRYING, not_before=later, summary="The provider is overloaded.")
    assert waits(job) == f"delay: Next attempt on {later:%d %B} at 12:05:07 UTC. The provider is overloaded."
    soon = timezone.now() + timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(not_before=soon, summary="")
    assert waits(job).startswith("delay: Next attempt ")


def test_what_does_not_wait_has_no_reason() -> None:
    assert for_jobs([make_job(status) for status in (JobStatus.RUNNING, JobStatus.REVIEW, JobStatus.FAILED)]) == {}


def test_dependencies_are_named_and_the_rest_counted() -> None:
    child = make_job(status=JobStatus.WAITING, unmet_dependencies=2)
    parents = [make_job(status=JobStatus.RUNNING, job_id=f"p-{n}", title=f"Part {n}") for n in range(4)]
    wait_for_parents(child, *parents[:2])
    assert waits(child) == "dependency: Waits for p-0 and p-1."
    wait_for_parents(child, *parents[2:])
    assert waits(child) == "dependency: Waits for p-0, p-1 and 2 more."
    assert for_jobs([child], titles_for=UNRESTRICTED)[child.pk].sentence == (
        "Waits for p-0 (Part 0), p-1 (Part 1) and 2 more."
    )
    late = make_job(status=JobStatus.WAITING, unmet_dependencies=1)
    Dependency.objects.create(job=late, needs_workstream=make_workstream("ws-api"))
    assert waits(late) == "dependency: Waits for workstream ws-api."


def test_the_title_of_a_hidden_job_stays_hidden() -> None:
    child = make_job(status=JobStatus.WAITING, unmet_dependencies=1, repo_key="/srv/app")
    wait_for_parents(child, make_job(job_id="p-0", title="Hidden title", repo_key="/srv/secret/repo"))
    Project.objects.create(root="/srv/secret", name="Secret").viewers.add(Group.objects.create(name="insiders"))
    actor = Actor(make_user("vera", role="viewer"))
    assert for_jobs([child], titles_for=actor)[child.pk].sentence == "Waits for p-0."


def test_a_job_of_a_foreground_command_misses_no_worker() -> None:
    assert waits(make_job(queue=private_queue())) == "turn: Runs in the command that submitted it."


def test_a_host_that_crashed_or_drains_serves_no_queue() -> None:
    make_node(heartbeat_at=timezone.now() - timedelta(minutes=5))
    make_node(name="m", draining=True)
    make_node(name="o", stopped_at=timezone.now())
    job = make_job()
    assert waits(job).startswith(WaitType.NO_WORKER)


def test_many_jobs_take_as_many_queries_as_one(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    parent = make_job(status=JobStatus.RUNNING)
    jobs = [make_job(), make_job(status=JobStatus.WAITING), make_job(status=JobStatus.RETRYING)]
    wait_for_parents(jobs[1], parent)
    with django_assert_num_queries(5):
        assert len(for_jobs(jobs, titles_for=UNRESTRICTED)) == 2
    for _ in range(5):
        jobs += [make_job(), make_job(status=JobStatus.WAITING)]
        wait_for_parents(jobs[-1], parent)
    with django_assert_num_queries(5):
        for_jobs(jobs, titles_for=UNRESTRICTED)


def test_page_api_and_command_say_the_same(client: Client) -> None:
    child = make_job(status=JobStatus.WAITING, unmet_dependencies=1)
    wait_for_parents(child, make_job(status=JobStatus.RUNNING, job_id="p-0", title="Build it"))
    client.force_login(make_user(admin=True))
    assert "Waits for p-0" in client.get("/jobs").content.decode()
    said = "Waits for p-0 (Build it)."
    assert said in client.get(f"/jobs/{child.job_id}").content.decode()
    answer = client.get(f"/api/v1/jobs/{child.job_id}").json()
    assert answer["waiting"] == Local().job(child.job_id)["waiting"] == {"type": "dependency", "sentence": said}
