"""The command palette: what it offers on which page, and to whom."""

import pytest
from django.test import Client

from jobs.states import JobStatus
from tests.factories import make_job, make_user

OFFERS = {JobStatus.RUNNING: ("cancel", "retry"), JobStatus.FAILED: ("retry", "cancel")}


def palette(client: Client, question: str, on: str = "/") -> str:
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{on}"}
    return client.get("/-/palette", {"q": question}, headers=headers).content.decode()


@pytest.mark.parametrize("status", OFFERS)
@pytest.mark.parametrize("tab", ["", "/log", "/json?part=verdict"])
def test_on_a_page_of_a_job_it_offers_what_may_be_done_to_that_job(admin: Client, status: JobStatus, tab: str) -> None:
    job, (possible, impossible) = make_job(status), OFFERS[status]
    page = palette(admin, "", on=f"/jobs/{job.job_id}{tab}")
    assert f'href="/jobs/{job.job_id}/{possible}"' in page
    assert f'href="/jobs/{job.job_id}/{impossible}"' not in page


def test_it_offers_no_action_to_who_may_not_act(client: Client, db: None) -> None:
    client.force_login(make_user("vera", role="viewer"))
    job = make_job(JobStatus.FAILED)
    assert f'href="/jobs/{job.job_id}/retry"' not in palette(client, "", on=f"/jobs/{job.job_id}")


@pytest.mark.parametrize("on", ["/jobs", "/jobs/new", "/jobs/never", "/", ""])
def test_elsewhere_it_offers_no_action_on_a_job(admin: Client, on: str) -> None:
    make_job(JobStatus.FAILED)
    assert "/retry" not in palette(admin, "retry", on=on)


@pytest.mark.parametrize(
    ("question", "address"),
    [
        ("token", "/settings/tokens"),
        ("theme", "/settings/profile"),
        ("limits", "/settings/policies"),
        ("templates", "/settings/templates"),
    ],
)
def test_it_finds_settings_by_what_they_set(admin: Client, question: str, address: str) -> None:
    assert f'href="{address}"' in palette(admin, question)
