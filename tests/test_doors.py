"""Every address of the site, found in the URL map: nobody comes in unasked, and what is hidden is not there."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from jobs.models import ErrorGroup, Event, Job, Project
from jobs.services.reading import job_filter
from jobs.states import JobStatus
from tests.factories import make_attempt, make_job, make_user, make_workstream

pytestmark = pytest.mark.django_db
OPEN = {"login", "theme", "settings-keys"}  # the last two only set a cookie of the visitor's own
HEALTH = "/healthz", "/readyz"  # asked by proxies; tests of their own look at what they tell
BLIND = {"job-log-go"}  # redirects without looking; the page that it leads to looks
PLACES = {
    "job_id": "job-hidden",
    "run_id": "run-hidden",
    "ws_id": "ws-hidden",
    "signature": "d" * 32,
    "name": "default",
    "verb": "cancel",
    "tab": "profile",
    "number": "1",
    "app_label": "jobs",
    "object_id": "1",
    "url": "x",
    "content_type_id": "1",
    "user_id": "1",
    "id": "1",
    "pk": "1",
    "tool": "shell",
    "form_url": "x",
    "extra_context": "x",
}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        else:
            yield pattern.name or path, "/" + fill(path)


def fill(path: str) -> str:
    path = re.sub(r"\(\?P<(\w+)>.*\)\$?", lambda found: PLACES.get(found[1], "1"), path)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: PLACES.get(found[1], "1"), path)
    return path.replace("^", "").replace("$", "").replace("\\Z", "")


ADDRESSES = sorted(set(addresses(get_resolver().url_patterns)))
EACH = pytest.mark.parametrize(("name", "path"), ADDRESSES, ids=[f"{name} {path}" for name, path in ADDRESSES])


@EACH
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_sent_to_the_login_or_refused(name: str, path: str, method: str) -> None:
    if name in OPEN or path == "/admin/login/" or path.startswith(HEALTH):
        pytest.skip("open to strangers")
    response = getattr(Client(raise_request_exception=False), method)(path)
    to_login = response.status_code == 302 and "login" in response["Location"]
    to_login = to_login or "login" in response.headers.get("HX-Redirect", "")
    logged_out = name == "logout" and response.status_code in (302, 405)
    assert to_login or logged_out or response.status_code in (401, 403, 404, 405), (path, response.status_code)


@EACH
def test_who_has_no_role_sees_nothing(name: str, path: str) -> None:
    hidden_rows()
    client = Client(raise_request_exception=False)
    client.force_login(make_user("nobody"))
    response = client.get(path)
    body = response.content.decode(errors="replace") if not response.streaming else ""
    assert response.status_code < 500 or path.startswith(HEALTH), path
    assert "Hidden title" not in body, path


@EACH
def test_what_lies_in_a_hidden_project_is_not_there(name: str, path: str) -> None:
    hidden_rows()
    project = Project.objects.create(root="/tmp/hidden", name="Hidden")
    project.viewers.add(Group.objects.create(name="insiders"))
    client = Client(raise_request_exception=False)
    client.force_login(make_user("olga", role="operator"))
    response = client.get(path)
    body = response.content.decode(errors="replace") if not response.streaming else ""
    assert "Hidden title" not in body, path
    names_it = "job-hidden" in path or "run-hidden" in path or "d" * 32 in path
    if names_it and name not in BLIND:
        assert response.status_code in (404, 405, 422), (path, response.status_code)


@pytest.mark.parametrize("role", ["viewer", "reviewer", "submitter"])
@pytest.mark.parametrize("verb", ["cancel", "retry", "escalate", "hold", "release", "close"])
def test_foreign_jobs_are_not_acted_on_from_a_page(role: str, verb: str) -> None:
    hidden_rows()
    client = Client(raise_request_exception=False)
    client.force_login(make_user("mara", role=role))
    before = Job.objects.values().get()
    assert client.post(f"/jobs/job-hidden/{verb}", {"tool": "codex"}).status_code == 403
    assert client.post("/jobs/bulk", {"verb": verb, "job": "job-hidden", "ids": "job-hidden"}).status_code < 500
    assert Job.objects.values().get() == before


def hidden_rows() -> None:
    stream = make_workstream("ws-hidden", "run-hidden")
    job = make_job(
        JobStatus.QUEUED,
        job_id="job-hidden",
        title="Hidden title",
        repo_key="/tmp/hidden/repo",
        workstream=stream,
        submitted_by="somebody",
    )
    kind = ErrorGroup.objects.create(signature="d" * 32, tool="shell", category="crashed", message="Hidden title")
    make_attempt(job, error=kind)
    Event.objects.create(event_type="job.test", job=job, run=job.run, payload_json={"message": "Hidden title"})


def test_the_groups_of_the_filter_are_no_states() -> None:
    assert not set(job_filter.GROUPS) & set(JobStatus.values)
