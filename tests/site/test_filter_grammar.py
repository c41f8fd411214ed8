"""One filter grammar: an address of the jobs page means the same to the API."""

import pytest
from django.test import Client

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
    ],
)
def test_page_and_api_find_the_same_jobs(client: Client, query: str) -> None:
    make_job()
    make_job(status="failed", title="Greet a stranger")
    make_job(submitted_by="jonas", tool="aider")
    make_job(spec=make_document(run_id="run-2", workstream_id="ws-9"), status="failed")
    client.force_login(make_user(admin=True))
    page = client.get(f"/jobs?{query}").content.decode()
    for job in client.get("/api/v1/jobs").json()["items"]:
        listed = client.get(f"/api/v1/jobs?{query}").json()["items"]
        assert (f'id="j-{job["job_id"]}"' in page or f'value="{job["job_id"]}"' in page) == (job in listed)
