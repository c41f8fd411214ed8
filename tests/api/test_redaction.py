"""Values of a job's environment: hidden on every interface unless the document or the name says that they may be seen."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

import schema
from jobs.models import Job
from jobs.services.reading.redaction import shown_document
from schema.limits import HIDDEN
from tests.api.conftest import Api
from tests.factories import make_document, make_job, make_user

ENV: dict[str, Any] = {
    "DATABASE_URL": "postgresql://app:sesame@db/app",
    "GITHUB_PAT": "ghp_sesame",
    "APIKEY": "sesame",
    "GREETING": "sesame hello",
    "REGION": "eu-north-1",
    "PYTHONUNBUFFERED": "1",
    "LC_ALL": "C.UTF-8",
    "TOKEN": {"secret": "THE_TOKEN"},
}
SHOWN = {
    **dict.fromkeys(["DATABASE_URL", "GITHUB_PAT", "APIKEY", "GREETING"], HIDDEN),
    "REGION": "eu-north-1",
    "PYTHONUNBUFFERED": "1",
    "LC_ALL": "C.UTF-8",
    "TOKEN": {"secret": "THE_TOKEN"},
}
DOCUMENT = make_document(env=ENV, metadata={"public_env": ["REGION"]})


def test_values_are_hidden_unless_declared_public_or_harmless_by_name() -> None:
    assert shown_document(DOCUMENT) == {**DOCUMENT, "env": SHOWN}
    assert DOCUMENT["env"] == ENV


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "GH_TOKEN", "PASSWORD", "db_password"])
def test_what_is_named_like_a_secret_stays_hidden_whatever_the_document_says(name: str) -> None:
    document = make_document(env={name: "sesame"}, metadata={"public_env": [name]})
    assert shown_document(document)["env"] == {name: HIDDEN}


def test_the_environment_of_a_later_tool_is_treated_alike() -> None:
    escalation_chain = [{"tool": "codex", "env": {"BASE_URL": "sesame", "REGION": "eu"}}]
    policy = {"escalate_to": escalation_chain}
    document = make_document(metadata={"public_env": ["REGION"], "retry_policy": policy})
    shown = shown_document(document)["metadata"]["retry_policy"]["escalate_to"][0]["env"]
    assert shown == {"BASE_URL": HIDDEN, "REGION": "eu"}


@pytest.mark.parametrize(
    "broken", [{"env": None}, {"env": []}, {"env": {"A": 5}}, {"metadata": None}, {"metadata": []}]
)
def test_a_document_that_breaks_the_schema_is_shown_without_a_fault(broken: dict[str, Any]) -> None:
    assert "5" not in json.dumps(shown_document(make_document(**broken)).get("env"))


def test_the_schema_knows_public_env_and_says_what_it_does() -> None:
    assert schema.check(DOCUMENT).ok
    assert not schema.check(make_document(metadata={"public_env": ["no name"]})).ok
    assert not schema.check(make_document(metadata={"public_env": "REGION"})).ok


def test_a_document_that_was_copied_with_hidden_values_is_refused() -> None:
    report = schema.check(shown_document(DOCUMENT))
    assert {problem.pointer for problem in report.problems} == {
        f"/env/{name}" for name in SHOWN if SHOWN[name] == HIDDEN
    }
    assert "stands for a value that was not shown" in report.problems[0].message


@pytest.fixture
def job(db: None) -> Job:
    return make_job(spec=DOCUMENT)


def of_api(client: Client, job: Job) -> Any:
    return client.get(f"/api/v1/jobs/{job.job_id}").json()["spec"]["env"]


def of_page(client: Client, job: Job) -> Any:
    return json.loads(client.get(f"/jobs/{job.job_id}/json?download=1").content)["env"]


def of_admin(client: Client, job: Job) -> Any:
    text = client.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()
    assert "sesame" not in text
    assert "eu-north-1" in text
    return SHOWN


def of_command(client: Client, job: Job) -> Any:
    from engine_site.cli.local import Local

    return Local().job(job.job_id)["spec"]["env"]


@pytest.mark.parametrize("read", [of_api, of_page, of_admin, of_command])
def test_every_interface_shows_the_same_values(client: Client, job: Job, read: Callable[[Client, Job], Any]) -> None:
    client.force_login(make_user(admin=True))
    assert read(client, job) == SHOWN


def test_the_jobs_page_shows_names_and_only_public_values(client: Client, job: Job) -> None:
    client.force_login(make_user(admin=True))
    page = client.get(f"/jobs/{job.job_id}").content.decode()
    assert "sesame" not in page
    assert "eu-north-1" in page
    assert HIDDEN in page


@pytest.mark.parametrize(
    ("role", "owns", "scopes", "full"),
    [
        ("viewer", False, ("read",), False),
        ("submitter", False, ("read", "submit"), False),
        ("submitter", True, ("read", "submit"), True),
        ("submitter", True, ("read",), False),
        ("viewer", True, ("read",), False),
        ("operator", False, ("read", "operate"), True),
        ("operator", False, ("read",), False),
    ],
)
def test_the_whole_document_is_for_who_submitted_it_and_for_operators(
    job: Job, make_api: Callable[..., Api], role: str, owns: bool, scopes: tuple[str, ...], full: bool
) -> None:
    api = make_api("olga", role, scopes=scopes)
    if owns:
        Job.objects.filter(pk=job.pk).update(submitter=api.user)
    assert api.get(f"/jobs/{job.job_id}/document").json() == {**DOCUMENT, "env": ENV if full else SHOWN}
