"""One filter: a value means the same to the page, the API and the command, and an unknown one is an error in each."""

import json
from typing import Any

import pytest
from django.test import Client
from typer.main import get_command

from engine_site.cli.app import app
from jobs.errors import InvalidFilter
from jobs.models import Job
from jobs.pages.jobs.filters import FIELDS
from jobs.services.reading.job_filter import FACETS, JobFilter
from tests.factories import make_document, make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "query",
    [
        "status=failed",
        "tool=aider,shell",
        "run=run-2",
        "ws=ws-9",
        "submitter=jonas",
        "q=greet",
        "q=jonas",
        "since=24h",
        "status=failed&tool=shell",
        "run=nowhere",
        "status=active",
        "status=unsuccessful,completed",
        "run_id=run-2&run=run-1",
        "workstream_id=ws-9",
        "submitter=me",
        "queue=night",
        "priority=low,high",
        "reason=tests_failed,dependency",
        "until=2020-01-01T00:00:00Z",
        "since=2020-01-01T00:00:00Z",
    ],
)
def test_page_and_api_find_the_same_jobs(client: Client, query: str) -> None:
    make_job()
    make_job(status="failed", title="Greet a stranger")
    make_job(submitted_by="jonas", tool="aider")
    make_job(spec=make_document(run_id="run-2", workstream_id="ws-9"), status="failed")
    make_job(queue="night", priority="low", submitted_by="root")
    make_job(reason="tests_failed")
    client.force_login(make_user("root", admin=True))
    page = client.get(f"/jobs?{query}").content.decode()
    for job in client.get("/api/v1/jobs").json()["items"]:
        listed = client.get(f"/api/v1/jobs?{query}").json()["items"]
        assert (f'id="j-{job["job_id"]}"' in page or f'value="{job["job_id"]}"' in page) == (job in listed)


UNKNOWN = {
    "status": "succeeded",
    "tool": "nonesuch",
    "priority": "urgent",
    "reason": "bored",
    "since": "yesterday",
    "until": "2020-01-01",
}


@pytest.mark.parametrize(("name", "value"), UNKNOWN.items())
def test_an_unknown_value_is_a_422_in_the_api(client: Client, name: str, value: str) -> None:
    client.force_login(make_user(admin=True))
    answer = client.get("/api/v1/jobs", {name: value})
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["problems"][0]["pointer"].startswith(f"query:{name}")
    body = json.dumps({"verb": "cancel", "filter": {name: value}})
    assert client.post("/api/v1/jobs/bulk", body, content_type="application/json").status_code == 422


@pytest.mark.parametrize(("name", "value"), UNKNOWN.items())
def test_an_unknown_value_stands_beside_the_filter_of_the_page(client: Client, name: str, value: str) -> None:
    client.force_login(make_user(admin=True))
    answer = client.get("/jobs", {name: value})
    assert answer.status_code == 422
    assert f'id="fault-{name}"' in answer.content.decode()


def test_every_field_is_in_the_api_the_page_and_the_command(client: Client) -> None:
    client.force_login(make_user(admin=True))
    paths: dict[str, Any] = client.get("/api/v1/openapi.json").json()["paths"]
    parameters = {parameter["name"] for parameter in paths["/api/v1/jobs"]["get"]["parameters"]}
    command = get_command(app).commands["list"]  # type: ignore[attr-defined]
    assert parameters >= set(JobFilter.model_fields) >= set(FACETS)
    assert set(FIELDS) == {facet.short or name for name, facet in FACETS.items()}
    assert {parameter.name for parameter in command.params} >= set(FACETS)


def test_a_tool_that_is_no_longer_installed_is_found_while_it_has_jobs() -> None:
    with pytest.raises(InvalidFilter, match="unknown value 'oldtool'"):
        JobFilter.read({"tool": "oldtool"})
    job = make_job(tool="oldtool")
    assert list(JobFilter.read({"tool": "oldtool"}).apply(Job.objects.all(), me="mara")) == [job]
