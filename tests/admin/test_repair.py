"""What an operator repairs on the admin site, and what a superuser deletes there."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.admin.base import Bounded, Operated
from jobs.models import ErrorGroup, Event, Job, Node, QueueControl, Run, Secret, StepAttempt, ToolControl, Workstream
from jobs.services.operations import corrections
from jobs.services.submission.claim_order import claim_order
from jobs.states import JobStatus, Priority
from tests.admin.test_admin import address, one_of_each, run_action
from tests.factories import make_attempt, make_job, make_user

pytestmark = pytest.mark.django_db
TABLES = [model for model, site in admin.site._registry.items() if isinstance(site, Operated)]


@pytest.fixture
def operator(client: Client) -> Client:
    user = make_user("olga", role="operator")
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


def form_of(client: Client, row: Any, **changes: Any) -> dict[str, Any]:
    """What the browser would send from the row's page."""
    form = client.get(address(type(row), "change", row.pk)).context["adminform"].form
    values = {name: field.value() for name, field in ((name, form[name]) for name in form.fields)}
    inline = {"dependencies-TOTAL_FORMS": 0, "dependencies-INITIAL_FORMS": 0}
    return {**{name: value for name, value in values.items() if value is not None}, **inline, **changes}


def save(client: Client, row: Any, **changes: Any) -> Any:
    return client.post(address(type(row), "change", row.pk), form_of(client, row, **changes), follow=True)


def test_an_operator_finds_every_table_that_engine_writes(operator: Client) -> None:
    one_of_each()
    index = operator.get(reverse("admin:index")).content.decode()
    assert {Job, StepAttempt, Run, Workstream, ErrorGroup, Event, Node, QueueControl, ToolControl} <= set(TABLES)
    for model in TABLES:
        assert address(model, "changelist") in index
        assert operator.get(address(model, "changelist")).status_code == 200
        if row := model._default_manager.first():
            assert operator.get(address(model, "change", row.pk)).status_code == 200
    assert operator.get(address(Secret, "changelist")).status_code == 403
    assert operator.get(reverse("admin:auth_user_changelist")).status_code == 403


def test_an_operator_repairs_a_stuck_attempt(operator: Client) -> None:
    job = make_job(JobStatus.RUNNING)
    attempt = make_attempt(job, "running", lease_until=timezone.now() - timedelta(minutes=1), host="elsewhere")
    assert "1 marked as lost" in run_action(operator, StepAttempt, "mark_lost", attempt)
    attempt.refresh_from_db()
    assert attempt.status == "lost"
    assert Event.objects.filter(actor="olga", via="admin").exists()


def test_an_operator_corrects_a_job_and_its_place_in_the_queue_follows(operator: Client) -> None:
    job = make_job(JobStatus.QUEUED)
    nils = make_user("nils")
    save(operator, job, priority="critical", queue="night", submitted_by="nils")
    job.refresh_from_db()
    assert (job.priority, job.queue, job.submitter) == ("critical", "night", nils)
    assert job.claim_order == claim_order(Priority.CRITICAL, job.created_at)
    event = Event.objects.get(event_type="job.corrected")
    assert (event.actor, event.via, event.job) == ("olga", "admin", job)
    assert event.payload_json["before"] == {"priority": "normal", "queue": "default", "submitted_by": "mara"}
    assert event.payload_json["after"] == {"priority": "critical", "queue": "night", "submitted_by": "nils"}


def test_a_correction_leaves_alone_what_the_engine_wrote_meanwhile() -> None:
    job = make_job(JobStatus.QUEUED)
    stale = Job.objects.get(pk=job.pk)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING, fence=7)
    corrections.correct_job(stale, {"title": "New"}, by="olga")
    job.refresh_from_db()
    assert (job.title, job.status, job.fence) == ("New", "running", 7)


def test_a_bad_queue_is_refused_in_a_sentence_and_nothing_is_written(operator: Client) -> None:
    job = make_job(JobStatus.QUEUED)
    said = " ".join(map(str, save(operator, job, queue="here:somebody").context["messages"]))
    assert "cannot name a queue" in said
    job.refresh_from_db()
    assert job.queue == "default"
    assert not Event.objects.filter(event_type="job.corrected").exists()


def test_runs_and_workstreams_are_corrected_with_an_event(operator: Client) -> None:
    job = make_job(JobStatus.QUEUED)
    save(operator, job.run, title="Better", metadata_json='{"a": 1}', depends_on="[]")
    save(operator, job.workstream, title="Clearer", metadata_json="{}", depends_on='["ws-0"]')
    job.refresh_from_db()
    assert (job.run.title, job.workstream.title, job.workstream.depends_on) == ("Better", "Clearer", ["ws-0"])
    kinds = set(Event.objects.filter(actor="olga").values_list("event_type", flat=True))
    assert {"run.corrected", "workstream.corrected"} <= kinds


def test_a_viewer_on_the_staff_corrects_nothing(client: Client) -> None:
    user = make_user("clerk", role="viewer")
    user.is_staff = True
    user.save()
    client.force_login(user)
    job = make_job(JobStatus.QUEUED, title="Old")
    assert client.post(address(Job, "change", job.pk), {"title": "New"}).status_code == 403


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(make_user("root", admin=True))
    return client


def test_a_superuser_deletes_a_run_with_everything_and_sees_the_count_first(root: Client) -> None:
    job = make_job(JobStatus.COMPLETED)
    attempt = make_attempt(job, log_bytes=17)
    attempt.directory.mkdir(parents=True)
    make_job(JobStatus.FAILED)
    page = root.get(address(Run, "delete", job.run.pk))
    text = page.content.decode()
    assert "permission" not in text
    assert dict(page.context["model_count"]) == {"jobs": 2, "attempts": 1, "bytes of logs": 17}
    root.post(address(Run, "delete", job.run.pk), {"post": "yes"})
    assert (Run.objects.count(), Job.objects.count(), StepAttempt.objects.count()) == (0, 0, 0)
    assert not attempt.directory.exists()
    event = Event.objects.get(event_type="run.deleted")
    assert (event.actor, event.payload_json["name"], event.payload_json["jobs"]) == ("root", "run-1", 2)


@pytest.mark.parametrize("kind", ["job", "workstream", "run"])
def test_what_is_under_way_is_not_deleted(root: Client, kind: str) -> None:
    job = make_job(JobStatus.RUNNING)
    row = job if kind == "job" else getattr(job, kind)
    page = root.get(address(type(row), "delete", row.pk))
    assert "cancel first, then delete" in page.content.decode()
    root.post(address(type(row), "delete", row.pk), {"post": "yes"})
    assert Job.objects.filter(pk=job.pk).exists()


def test_a_job_that_another_waits_for_is_not_deleted(root: Client) -> None:
    done, waiting = make_job(JobStatus.FAILED), make_job(JobStatus.WAITING, unmet_dependencies=1)
    waiting.dependencies.create(needs=done)
    assert f"{waiting.job_id} waits for" in root.get(address(Job, "delete", done.pk)).content.decode()


def test_several_runs_are_deleted_at_once(root: Client) -> None:
    job = make_job(JobStatus.COMPLETED)
    make_attempt(job)
    run_action(root, Run, "delete_selected", job.run, post="yes")
    assert not Run.objects.exists()


def test_an_operator_deletes_nothing(operator: Client) -> None:
    job = make_job(JobStatus.COMPLETED)
    assert operator.get(address(Run, "delete", job.run.pk)).status_code == 403


def test_lists_are_bounded_and_read_by_index(
    root: Client, django_assert_max_num_queries: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Bounded, "MOST_ROWS", 3)
    for _ in range(5):
        make_attempt(make_job(JobStatus.COMPLETED))
    for model in apps.get_app_config("jobs").get_models():
        if model in admin.site._registry:
            site = admin.site._registry[model]
            assert len(site.list_display) <= 9, model
            assert site.date_hierarchy is None, "it would read the whole table for its years"
    with django_assert_max_num_queries(14):
        page = root.get(address(Job, "changelist"))
    assert page.context["cl"].paginator.count == 3
