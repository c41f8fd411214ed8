import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from jobs.models import Dependency, Job, Project
from jobs.pages.jobs.job_list import PAGE
from jobs.states import JobStatus
from tests.factories import make_document, make_job, make_user
from tests.pages.markup import squeezed

pytestmark = pytest.mark.django_db


def poll_url(page: str) -> str:
    return re.search(r'hx-get="(/-/jobs/rows\?[^"]*)"', page)[1].replace("&amp;", "&")


def test_a_stranger_is_sent_to_the_login_page(client):
    assert client.get("/jobs").headers["Location"] == "/login?next=/jobs"


@pytest.mark.parametrize("path", ["/-/jobs/rows", "/jobs/new"])
def test_a_request_of_a_script_without_a_session_leaves_the_page_as_it_is(client, path):
    answer = client.get(path, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Reswap"], answer.content) == (401, "none", b"")
    assert "HX-Redirect" not in answer.headers


def test_somebody_without_a_role_is_told_so(client):
    client.force_login(make_user("nobody"))
    answer = client.get("/jobs")
    assert answer.status_code == 403
    assert "may not read the dashboard" in answer.content.decode()


def test_an_empty_list_says_what_a_job_is_and_offers_one(admin):
    assert "No jobs yet" in admin.get("/jobs").content.decode()


def test_a_row_says_why_its_job_waits(admin):
    first = make_job(JobStatus.RUNNING, job_id="job-first")
    child = make_job(JobStatus.WAITING, unmet_dependencies=1)
    Dependency.objects.create(job=child, needs=first)
    make_job(JobStatus.QUEUED)
    page = admin.get("/jobs").content.decode()
    assert "Waits for job-first" in page
    assert "No worker takes jobs from queue default" in page


def test_filters_stand_in_the_address_and_repeat_for_or(admin):
    for tool in ("aider", "codex", "git"):
        make_job(JobStatus.COMPLETED, spec=make_document(tool=tool), title=f"By {tool}")
    page = admin.get("/jobs?tool=aider&tool=codex").content.decode()
    assert "By aider" in page
    assert "By codex" in page
    assert "By git" not in page
    assert "Tool: aider, codex" in page


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "after=99999999999999999999",
        "sort=?",
        "q=%00",
        "id=1",
    ],
)
def test_odd_addresses_still_show_a_list(admin, query):
    make_job(JobStatus.COMPLETED)
    assert admin.get(f"/jobs?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("status=nonsense", "status", "Unknown value &#x27;nonsense&#x27;; use waiting, queued"),
        ("tool=shell,nonesuch", "tool", "Unknown value &#x27;nonesuch&#x27;; use aider"),
        ("priority=urgent", "priority", "Unknown value &#x27;urgent&#x27;; use critical, high"),
        ("since=never", "since", "Use 1h, 24h, 7d, 30d"),
        ("until=tomorrow", "until", "Write it as 2026-01-31T12:00:00Z"),
        ("q=" + "x" * 501, "q", "String should have at most 500 characters"),
    ],
)
def test_an_unknown_value_is_named_beside_its_filter_and_no_job_is_shown(admin, query, name, sentence):
    job = make_job(JobStatus.COMPLETED)
    answer = admin.get(f"/jobs?{query}")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(f'id="fault-{name}"[^<]*<svg.*?</svg><span>{re.escape(sentence)}', page)
    assert f'id="j-{job.pk}"' not in page


def test_a_filter_that_has_no_menu_of_its_own_is_shown_while_it_is_used(admin):
    make_job(JobStatus.QUEUED, queue="night")
    assert "Queue: night" not in admin.get("/jobs").content.decode()
    assert "Queue: night" in admin.get("/jobs?queue=night").content.decode()


def test_a_choice_of_a_menu_is_added_to_the_address_and_taken_out_again(admin):
    make_job(JobStatus.QUEUED)
    assert "/jobs?priority=high&amp;sort=oldest" in admin.get("/jobs?sort=oldest").content.decode()
    page = admin.get("/jobs?priority=high&tool=shell&since=24h").content.decode()
    assert "/jobs?tool=shell&amp;priority=high&amp;priority=low&amp;since=24h" in page
    assert "/jobs?tool=shell&amp;since=24h" in page
    assert "/jobs?tool=shell&amp;priority=high&amp;since=7d" in page


def test_no_match_names_the_filters_and_counts_without_the_last(admin):
    make_job(JobStatus.COMPLETED, spec=make_document(tool="git"))
    page = squeezed(admin.get("/jobs?tool=git&submitter=priya"))
    assert "No job matches" in page
    assert "1 matches without the submitter filter" in page


def test_pages_follow_each_other_by_key_in_both_directions(admin):
    jobs = [make_job(JobStatus.COMPLETED) for _ in range(PAGE + 5)]
    first = admin.get("/jobs").content.decode()
    assert jobs[-1].job_id in first
    assert jobs[0].job_id not in first
    older = re.search(r'href="(\?[^"]*before=\d+)"', first)[1].replace("&amp;", "&")
    second = admin.get("/jobs" + older).content.decode()
    assert jobs[0].job_id in second
    assert jobs[-1].job_id not in second
    newer = re.search(r'href="(\?[^"]*after=\d+)"', second)[1].replace("&amp;", "&")
    assert jobs[-1].job_id in admin.get("/jobs" + newer).content.decode()


def test_the_poll_is_quiet_while_nothing_changed_and_brings_only_changed_rows(admin, django_assert_max_num_queries):
    mine, other = make_job(JobStatus.RUNNING), make_job(JobStatus.RUNNING)
    make_job(JobStatus.COMPLETED)
    url = poll_url(admin.get("/jobs").content.decode())
    assert f"id={mine.pk}.1" in unquote(url)
    first = admin.get(url)
    assert f'id="j-{mine.pk}"' not in first.content.decode()
    assert first.headers["Cache-Control"] == "no-store"
    with django_assert_max_num_queries(4):
        same = admin.get(url, headers={"HX-PTag": first.headers["HX-PTag"]})
    assert same.status_code == 304
    Job.objects.filter(pk=mine.pk).update(version=2, title="Changed")
    body = admin.get(url, headers={"HX-PTag": first.headers["HX-PTag"]}).content.decode()
    assert "Changed" in body
    assert f'id="j-{other.pk}"' not in body
    assert f"id={mine.pk}.2" in unquote(poll_url(body))


def test_new_jobs_wait_behind_a_bar(admin):
    make_job(JobStatus.RUNNING)
    url = poll_url(admin.get("/jobs").content.decode())
    make_job(JobStatus.QUEUED)
    make_job(JobStatus.QUEUED)
    assert "2 new jobs. Show them" in squeezed(admin.get(url))


def test_the_list_takes_a_fixed_number_of_queries(admin, django_assert_max_num_queries):
    def fill():
        at = timezone.now() - timedelta(minutes=5)
        running = make_job(JobStatus.RUNNING, at=at)
        for _ in range(6):
            make_job(JobStatus.QUEUED, at=at)
            Dependency.objects.create(job=make_job(JobStatus.WAITING, unmet_dependencies=1, at=at), needs=running)
            make_job(JobStatus.FAILED, at=at)

    fill()
    with django_assert_max_num_queries(12):
        admin.get("/jobs")
    fill()
    with django_assert_max_num_queries(12):
        admin.get("/jobs")


def test_a_viewer_of_another_project_sees_no_job(client):
    secret = Project.objects.create(root="/srv/secret", name="Secret")
    secret.viewers.add(Group.objects.create(name="insiders"))
    hidden = make_job(JobStatus.RUNNING, repo_key="/srv/secret/repo", title="Hidden thing")
    viewer = make_user("vera")
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    assert "Hidden thing" not in client.get("/jobs").content.decode()
    assert client.get(f"/jobs/{hidden.job_id}").status_code == 404
    assert client.get(f"/-/jobs/{hidden.job_id}/head").status_code == 404


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (None, "2"),
        ("none", "2"),
        ("retry_same", "2 / 3"),
        ("escalate_to_codex", "2 / 4"),
        ({"rules": [{"on": ["any"], "times": 2}], "escalate_to": ["codex", "claude"]}, "2 / 9"),
    ],
)
def test_attempts_stand_beside_what_the_policy_allows(admin, policy, said):
    metadata = {"retry_policy": policy} if policy else {}
    make_job(JobStatus.RUNNING, spec=make_document(metadata=metadata), attempts_made=2)
    assert f'<td class="wider number muted">{said}</td>' in squeezed(admin.get("/jobs"))
