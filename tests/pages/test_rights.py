"""What one can do for oneself: see which role is missing, first steps, password, settings, the API's page."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from jobs.models import Event
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """The Overview keeps its counts for some seconds."""
    cache.clear()


def signed_in(client: Client, role: str) -> Client:
    client.force_login(make_user("mara", role=role))
    return client


def test_a_refusal_names_the_roles_that_would_do(client: Client) -> None:
    page = signed_in(client, "viewer").get("/jobs/new")
    assert page.status_code == 403
    assert "one of these roles: submitter, operator, admin" in page.content.decode()


def test_without_a_role_every_role_would_do(client: Client) -> None:
    page = signed_in(client, "").get("/")
    assert "viewer, submitter, reviewer, operator, admin" in page.content.decode()


def test_an_empty_engine_shows_three_first_steps(client: Client) -> None:
    signed_in(client, "submitter")
    for path in ("/", "/jobs"):
        html = " ".join(client.get(path).content.decode().split())
        assert "Three first steps" in html
        assert "engine submit job.json --follow" in html
    make_job()
    assert "first steps:" not in client.get("/").content.decode()


def test_one_changes_ones_own_password_and_stays_signed_in(client: Client) -> None:
    signed_in(client, "viewer")
    words = {"old_password": "correct horse", "new_password1": "battery staple 7", "new_password2": "battery staple 7"}
    assert 'action="/settings/password"' in client.get("/settings/profile").content.decode()
    assert client.post("/settings/password", words).status_code in (302, 303)
    assert User.objects.get(username="mara").check_password("battery staple 7")
    assert client.get("/settings/profile").status_code == 200
    event = Event.objects.get(event_type="session.password_changed")
    assert (event.actor, "staple" in str(event.payload_json)) == ("mara", False)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ({"old_password": "wrong"}, "old password was entered incorrectly"),
        ({"new_password2": "other"}, "two password fields"),
        ({"new_password1": "123", "new_password2": "123"}, "too short"),
    ],
)
def test_a_bad_password_is_refused_beside_its_field(client: Client, words: dict[str, str], fault: str) -> None:
    signed_in(client, "viewer")
    good = {"old_password": "correct horse", "new_password1": "battery staple 7", "new_password2": "battery staple 7"}
    page = client.post("/settings/password", good | words)
    assert page.status_code == 422
    assert fault in page.content.decode()
    assert User.objects.get(username="mara").check_password("correct horse")


def test_settings_name_the_variables_that_set_them(client: Client) -> None:
    signed_in(client, "viewer")
    said = client.get("/settings/policies").content.decode() + client.get("/settings/retention").content.decode()
    for variable in (
        "ENGINE_SLOTS",
        "ENGINE_ROOTS",
        "ENGINE_TOOL_LIMITS",
        "ENGINE_RETENTION_DAYS",
        "ENGINE_LOG_COPY_MB",
    ):
        assert variable in said
    assert "ENGINE_NODE" in client.get("/settings/about").content.decode()


def test_the_apis_page_is_linked_with_a_request_to_paste(client: Client) -> None:
    signed_in(client, "viewer")
    tokens = client.get("/settings/tokens").content.decode()
    assert 'curl -H "Authorization: Bearer $ENGINE_TOKEN" "http://testserver/api/v1/jobs?limit=3"' in tokens
    for path in ("/settings/tokens", "/settings/profile", "/help/keys"):
        assert 'href="/api/docs"' in client.get(path).content.decode(), path
