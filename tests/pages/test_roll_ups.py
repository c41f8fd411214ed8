"""Failures, blocked jobs and runs: each page counts them alike."""

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from jobs.models import Project
from jobs.services.core.transitions import move
from jobs.services.submission.submit import submit_all
from jobs.states import FAILURES, JobStatus
from tests.factories import make_document, make_job, make_user, make_workstream

pytestmark = pytest.mark.django_db


def test_the_overview_lists_the_failures_of_the_tab(admin: Client) -> None:
    for status in JobStatus:
        make_job(status, title=f"Title of {status}")
    listed = {
        status for status in JobStatus if f"Title of {status}<" in admin.get("/-/overview/trouble").content.decode()
    }
    tab = {status for status in JobStatus if f"Title of {status}<" in admin.get(failed_tab(admin)).content.decode()}
    assert listed == tab == set(FAILURES)


def failed_tab(admin: Client) -> str:
    overview = admin.get("/").content.decode()
    return re.search(r'href="(/jobs\?[^"]*)">All failed<', overview)[1].replace("&amp;", "&")


def test_blocked_jobs_have_a_tab_of_their_own_while_there_are_any(admin: Client) -> None:
    make_job(JobStatus.FAILED)
    assert not re.search(r">Blocked\s*<span", tabs(admin))
    for _ in range(3):
        make_job(JobStatus.BLOCKED)
    assert re.search(r">Failed\s*<span[^>]*>1<", tabs(admin))
    assert re.search(r">Blocked\s*<span[^>]*>3<", tabs(admin))


def tabs(admin: Client) -> str:
    return re.search(r'<nav class="tabs".*?</nav>', admin.get("/jobs").content.decode(), re.DOTALL)[0]


def test_one_failure_and_what_it_blocks_are_told_apart(admin: Client) -> None:
    documents = [make_document(job_id="root", workstream_id="ws-0")]
    documents += [
        make_document(
            job_id=f"j{n}", workstream_id=f"ws-{n}", metadata={"depends_on": ["root" if n == 1 else f"j{n - 1}"]}
        )
        for n in range(1, 5)
    ]
    root, *_ = submit_all(documents)
    move(root, JobStatus.RUNNING, started_at=root.created_at)
    move(root, JobStatus.FAILED)
    page = admin.get("/runs/run-1").content.decode()
    assert "1 failed, 4 blocked by it" in page
    assert page.count("Blocked: root ended as failed.") == 4
    assert "1 failed, 4 blocked" in admin.get("/runs").content.decode()


def test_what_another_run_blocks_is_not_laid_upon_this_run_s_failure(admin: Client) -> None:
    elsewhere, _, mine = submit_all(
        [
            make_document(job_id="elsewhere", run_id="run-2"),
            make_document(job_id="child", workstream_id="ws-2", metadata={"depends_on": ["elsewhere"]}),
            make_document(job_id="mine", workstream_id="ws-3"),
        ]
    )
    for job in (elsewhere, mine):
        move(job, JobStatus.RUNNING, started_at=job.created_at)
        move(job, JobStatus.FAILED)
    page = admin.get("/runs/run-1").content.decode()
    assert "1 failed, 1 blocked" in page
    assert "blocked by it" not in page


def test_a_run_names_no_workstream_whose_jobs_are_hidden(client: Client) -> None:
    make_job(workstream=make_workstream("ws-open"))
    make_job(workstream=make_workstream("ws-hidden"), repo_key="/srv/secret/repo")
    Project.objects.create(root="/srv/secret", name="Secret").viewers.add(Group.objects.create(name="insiders"))
    client.force_login(make_user("vera", role="viewer"))
    for path in ("/runs/run-1", "/runs/run-1/graph", "/runs/run-1/timeline", "/runs/run-1/report"):
        page = client.get(path).content.decode()
        assert "ws-hidden" not in page, path
