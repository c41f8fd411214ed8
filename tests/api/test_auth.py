from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from jobs.api import throttling
from jobs.models import ApiToken, Event
from jobs.services.accounts import tokens
from tests.api.conftest import Api
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("header", ["Bearer eng_wrong", "Bearer ", "Basic bWFyYTpw", "Bearer eng_\u00e9", "rubbish"])
def test_a_wrong_token_is_refused_even_beside_a_session(header: str) -> None:
    client = Client()
    client.force_login(make_user(role="viewer"))
    assert client.get("/api/v1/jobs").status_code == 200
    response = client.get("/api/v1/jobs", headers={"Authorization": header})
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_revoked_and_expired_tokens_and_those_of_inactive_people_end_at_once(api: Api) -> None:
    assert api.get("/jobs").status_code == 200
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api.get("/jobs").status_code == 401
    ApiToken.objects.update(expires_at=None)
    api.user.is_active = False
    api.user.save()
    assert api.get("/jobs").status_code == 401
    api.user.is_active = True
    api.user.save()
    tokens.revoke(api.token, by="test")
    assert api.get("/jobs").status_code == 401


def test_a_session_needs_the_csrf_token_for_a_change_and_not_for_reading() -> None:
    client = Client(enforce_csrf_checks=True)
    user = make_user(role="submitter")
    client.force_login(user)
    job = make_job(submitter=user)
    assert client.get("/api/v1/jobs").status_code == 200
    refused = client.post(f"/api/v1/jobs/{job.job_id}/hold")
    assert (refused.status_code, "CSRF" in refused.json()["detail"]) == (403, True)
    client.cookies["csrftoken"] = "a" * 32
    assert client.post(f"/api/v1/jobs/{job.job_id}/hold", headers={"X-CSRFToken": "a" * 32}).status_code == 200


def test_a_token_is_shown_once_and_kept_as_a_hash() -> None:
    client = Client()
    client.force_login(make_user(role="submitter"))
    made = client.post("/api/v1/tokens", {"name": "ci", "scopes": ["read"]}, content_type="application/json")
    secret = made.json()["token"]
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert secret not in client.get("/api/v1/tokens").content.decode()
    assert not ApiToken.objects.filter(sha256=secret).exists()
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/tokens/me").json() == {
        "username": "mara",
        "scopes": ["read"],
        "token": "ci",
    }
    again = client.post("/api/v1/tokens", {"name": "ci", "scopes": ["read"]}, content_type="application/json")
    assert again.status_code == 409
    assert client.post(f"/api/v1/tokens/{made.json()['id']}/revoke").json()["state"] == "revoked"


def test_a_token_cannot_make_tokens(api: Api) -> None:
    assert api.post("/tokens", {"name": "more", "scopes": ["read"]}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"},
    ],
)
def test_a_token_without_sense_is_refused(body: dict[str, object]) -> None:
    client = Client()
    client.force_login(make_user(role="submitter"))
    assert client.post("/api/v1/tokens", body, content_type="application/json").status_code == 422


def test_a_change_over_the_api_leaves_an_event_with_actor_token_and_address(api: Api) -> None:
    job = make_job(submitter=api.user)
    api.client.post(f"/api/v1/jobs/{job.job_id}/cancel", content_type="application/json", REMOTE_ADDR="192.0.2.7")
    event = Event.objects.get(event_type="job.cancelled")
    assert (event.actor, event.via, event.address) == ("mara", f"token {api.token.prefix}", "192.0.2.7")
    assert (event.payload_json["old"], event.payload_json["new"]) == ("queued", "cancelled")
    assert [row["address"] for row in api.get("/events").json()["items"]] == [None] * Event.objects.count()


def test_too_many_requests_are_told_when_to_come_back(api: Api, settings, monkeypatch) -> None:
    # A minute of its own: other tests' requests are counted in the same file, for the same keys.
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: 4_102_444_800.0))
    settings.ENGINE_API_RATE = 2
    first = api.get("/jobs")
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    api.get("/jobs")
    third = api.get("/jobs")
    assert (third.status_code, third.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(third["Retry-After"]) <= 60
