import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import ApiToken, ErrorGroup, Event, Job, Node, Secret, StepAttempt, ToolControl
from jobs.services.accounts import secrets, tokens
from jobs.states import JobStatus
from tests.factories import make_attempt, make_job, make_user

pytestmark = pytest.mark.django_db
MODELS = list(apps.get_app_config("jobs").get_models(include_auto_created=False))
INLINE = {"SecretGrant"}  # edited inside their parent


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(make_user("root", admin=True))
    return client


def one_of_each() -> None:
    user = make_user("someone")
    job = make_job(JobStatus.FAILED)
    kind = ErrorGroup.objects.create(signature="b" * 32, tool="shell", category="crashed", message="m", run=job.run)
    make_attempt(job, error=kind)
    Node.objects.create(name="n", host="h", pid=1, pid_started=1)
    ToolControl.objects.create(name="shell")
    Event.objects.create(event_type="job.test", job=job, run=job.run)
    tokens.create(user, "t", ["read"], by="test")
    secrets.put("SOME_KEY", "a long value", by="test")


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:jobs_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_table_is_there_with_search_filters_and_its_pages(root: Client, model: Any) -> None:
    if model.__name__ in INLINE:
        pytest.skip("edited inside its parent")
    one_of_each()
    site = admin.site._registry[model]
    assert site.search_fields
    assert site.list_filter
    assert root.get(address(model, "changelist"), {"q": "x"}).status_code == 200
    if row := model.objects.first():
        page = root.get(address(model, "change", row.pk))
        assert page.status_code == 200
        assert not re.search(r'name="(status|state|sha256|ciphertext)"', page.content.decode())


@pytest.mark.parametrize("model", [Job, StepAttempt, Event, ErrorGroup, Node, ApiToken])
def test_what_engine_writes_is_not_added_by_hand(root: Client, model: Any) -> None:
    assert root.get(address(model, "add")).status_code == 403


def test_the_queue_packages_tables_are_not_offered(root: Client) -> None:
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]


def test_every_row_leads_to_its_page_on_the_dashboard(root: Client) -> None:
    one_of_each()
    for model in (Job, StepAttempt, Event, ErrorGroup, Node, ToolControl):
        row = model.objects.first()
        assert admin.site._registry[model].view_on_site(row).startswith("/")
    assert "/jobs/" in root.get(address(Job, "change", Job.objects.get().pk)).content.decode()


def run_action(client: Client, model: Any, action: str, *rows: Any, **extra: str) -> str:
    response = client.post(
        address(model, "changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows], **extra},
        follow=True,
    )
    return " ".join(str(message) for message in response.context["messages"])


def test_actions_go_through_the_services_and_say_what_was_refused(root: Client) -> None:
    good, done = make_job(JobStatus.QUEUED), make_job(JobStatus.COMPLETED)
    said = run_action(root, Job, "cancel", good, done)
    assert "1 asked to stop" in said
    assert "only a job that has not ended can be cancelled" in said
    good.refresh_from_db()
    assert (good.status, good.cancelled_by) == ("cancelled", "root")
    event = Event.objects.get(event_type="job.cancelled")
    assert (event.actor, event.via) == ("root", "admin")


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("retry", JobStatus.FAILED, "queued"),
        ("hold", JobStatus.QUEUED, "waiting"),
        ("close", JobStatus.QUARANTINED, "failed"),
        ("release", JobStatus.QUARANTINED, "queued"),
        ("escalate", JobStatus.FAILED, "queued"),
    ],
)
def test_each_verb_is_an_action(root: Client, action: str, before: str, after: str) -> None:
    job = make_job(before)
    run_action(root, Job, action, job, tool="codex")
    job.refresh_from_db()
    assert job.status == after


def test_a_job_is_corrected_by_hand_without_its_status_and_leaves_a_trace(root: Client) -> None:
    job = make_job(JobStatus.QUEUED, title="Old")
    page = root.get(address(Job, "change", job.pk))
    values = {
        name: value
        for name, value in page.context["adminform"].form.initial.items()
        if name in page.context["adminform"].form.fields and value is not None
    }
    inline = {"dependencies-TOTAL_FORMS": 0, "dependencies-INITIAL_FORMS": 0}
    root.post(address(Job, "change", job.pk), {**values, **inline, "title": "New", "status": "completed"})
    job.refresh_from_db()
    assert (job.title, job.status) == ("New", "queued")
    payload = Event.objects.get(event_type="job.corrected").payload_json
    assert (payload["before"], payload["after"]) == ({"title": "Old"}, {"title": "New"})


def test_an_attempt_is_marked_lost_only_after_its_lease(root: Client) -> None:
    job = make_job(JobStatus.RUNNING)
    attempt = make_attempt(job, "running", lease_until=timezone.now() + timedelta(minutes=1))
    assert "its worker is alive" in run_action(root, StepAttempt, "mark_lost", attempt)
    attempt.refresh_from_db()
    assert attempt.status == "running"
    StepAttempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1), host="elsewhere")
    run_action(root, StepAttempt, "mark_lost", attempt)
    attempt.refresh_from_db()
    assert attempt.status == "lost"


def test_a_secret_goes_in_and_never_comes_out(root: Client) -> None:
    inline = {"grants-TOTAL_FORMS": 1, "grants-INITIAL_FORMS": 0, "grants-0-tool": "shell", "grants-0-repository": ""}
    made = root.post(address(Secret, "add"), {"name": "API_KEY", "value": "hunter2hunter2", **inline})
    assert made.status_code == 302, made.context["adminform"].form.errors
    secret = Secret.objects.get()
    assert secrets.reveal(secret) == "hunter2hunter2"
    assert "hunter2" not in root.get(address(Secret, "change", secret.pk)).content.decode()
    assert "hunter2" not in str(list(Event.objects.values_list("payload_json", flat=True)))
    short = root.post(address(Secret, "add"), {"name": "B", "value": "short", **inline})
    assert "8 to" in short.content.decode()


def test_staff_without_the_permission_neither_see_secrets_nor_act(client: Client) -> None:
    user = make_user("clerk", role="viewer")
    user.is_staff = True
    user.save()
    client.force_login(user)
    job = make_job(JobStatus.QUEUED)
    assert client.get(address(Secret, "changelist")).status_code == 403
    assert client.get(address(Job, "changelist")).status_code == 200
    run_action(client, Job, "cancel", job)
    job.refresh_from_db()
    assert job.status == "queued"


def person_form(user: User, **changes: Any) -> dict[str, Any]:
    joined = user.date_joined
    return {
        "username": user.username,
        "is_active": "on",
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        **changes,
    }


@pytest.fixture
def keeper(client: Client) -> Client:
    """An administrator who is no superuser."""
    user = make_user("keeper", role="admin")
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


def test_an_administrator_gives_roles_and_it_is_on_record(keeper: Client) -> None:
    user, role = make_user("mara"), Group.objects.get(name="operator")
    page = reverse("admin:auth_user_change", args=[user.pk])
    assert keeper.post(page, person_form(user, groups=[role.pk])).status_code == 302
    assert list(user.groups.all()) == [role]
    event = Event.objects.get(event_type="admin.changed")
    assert (event.actor, "operator" in str(event.payload_json["after"])) == ("keeper", True)


def test_nobody_lifts_themselves_above_their_place(keeper: Client) -> None:
    me, root = User.objects.get(username="keeper"), make_user("root", admin=True)
    page = reverse("admin:auth_user_change", args=[me.pk])
    keeper.post(page, person_form(me, is_superuser="on", is_staff="on", groups=[group.pk for group in me.groups.all()]))
    me.refresh_from_db()
    assert not me.is_superuser
    assert keeper.post(reverse("admin:auth_user_change", args=[root.pk]), person_form(root)).status_code == 403
    taken = keeper.post(
        reverse("admin:auth_user_password_change", args=[root.pk]), {"password1": "x", "password2": "x"}
    )
    assert taken.status_code == 403
    role = Group.objects.get(name="admin")
    before = role.permissions.count()
    keeper.post(reverse("admin:auth_group_change", args=[role.pk]), {"name": "admin", "permissions": [1, 2, 3]})
    assert role.permissions.count() == before


def test_a_changed_password_is_on_record_without_the_password(root: Client) -> None:
    user = make_user("mara")
    root.post(
        reverse("admin:auth_user_password_change", args=[user.pk]),
        {"password1": "battery staple correct", "password2": "battery staple correct", "usable_password": "true"},
    )
    event = Event.objects.get(event_type="admin.password_changed")
    assert (event.actor, "battery" in str(event.payload_json)) == ("root", False)
