import json
import re

import pytest

from jobs.models import ErrorGroup, Job, Workstream
from jobs.services.core import events
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_document, make_job
from tests.pages.markup import squeezed

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("status", JobStatus.values)
def test_every_state_has_a_page_with_its_word(admin, status):
    job = make_job(status)
    if status not in (JobStatus.QUEUED, JobStatus.WAITING):
        alive = status in (JobStatus.RUNNING, JobStatus.CANCELLING)
        make_attempt(job, AttemptStatus.RUNNING if alive else AttemptStatus.FAILED)
    answer = admin.get(f"/jobs/{job.job_id}")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert job.title in page
    assert ('hx-trigger="every 2s"' in page) is (not job.is_final)


def test_an_unknown_job_is_a_404_that_names_it(admin):
    answer = admin.get("/jobs/job-9999")
    assert answer.status_code == 404
    assert "<code>job-9999</code>" in answer.content.decode()


def test_values_of_the_environment_never_reach_a_page(admin):
    job = make_job(JobStatus.COMPLETED, spec=make_document(env={"PLAIN": "hush-hush", "KEY": {"secret": "openai"}}))
    for address in ("", "/json", "/json?download=1", "/events", "/log"):
        page = admin.get(f"/jobs/{job.job_id}{address}").content.decode()
        assert "hush-hush" not in page, address
    assert "PLAIN" in admin.get(f"/jobs/{job.job_id}").content.decode()


def test_a_failed_job_shows_its_error_card_with_the_kind_of_error(admin):
    job = make_job(JobStatus.FAILED)
    kind = ErrorGroup.objects.create(signature="abc", tool="shell", category="exit_code", message="Boom", count=3)
    make_attempt(
        job,
        AttemptStatus.FAILED,
        reason="exit_code",
        exit_code=2,
        error=kind,
        verdict={"summary": "It went <boom>", "rule": "exit code", "evidence": [">  assert x", "E   no"]},
    )
    page = squeezed(admin.get(f"/jobs/{job.job_id}"))
    assert "It went &lt;boom&gt;" in page
    assert "Seen 3 times" in page
    assert '<span class="error-line">&gt; assert x</span>' in page


def test_the_head_is_quiet_until_something_changes_and_ends_its_polling(admin, django_assert_max_num_queries):
    job = make_job(JobStatus.RUNNING)
    make_attempt(job, AttemptStatus.RUNNING)
    url = f"/-/jobs/{job.job_id}/head?tab=log"
    tag = admin.get(url).headers["HX-PTag"]
    with django_assert_max_num_queries(5):
        assert admin.get(url, headers={"HX-PTag": tag}).status_code == 304
    Job.objects.filter(pk=job.pk).update(status=JobStatus.COMPLETED, finished_at=job.created_at, version=2)
    last = admin.get(url, headers={"HX-PTag": tag})
    assert last.status_code == 200
    assert "hx-trigger" not in last.content.decode().split("<header")[0]


def test_the_page_takes_few_queries(admin, django_assert_max_num_queries):
    job = make_job(JobStatus.FAILED)
    for _ in range(5):
        make_attempt(job, AttemptStatus.FAILED)
    with django_assert_max_num_queries(12):
        admin.get(f"/jobs/{job.job_id}")


def test_cancel_asks_first_and_works_without_script(admin):
    job = make_job(JobStatus.QUEUED)
    asks = admin.get(f"/jobs/{job.job_id}/cancel").content.decode()
    assert "Keep as is" in asks
    assert "hx-post" not in asks
    answer = admin.post(f"/jobs/{job.job_id}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job.job_id}")
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert "is being cancelled" in admin.get(f"/jobs/{job.job_id}").content.decode()


def test_with_htmx_an_action_answers_with_the_changed_head(admin):
    job = make_job(JobStatus.FAILED)
    dialog = admin.get(f"/jobs/{job.job_id}/retry?tab=events", headers=HTMX).content.decode()
    assert dialog.lstrip().startswith("<form")
    answer = admin.post(f"/jobs/{job.job_id}/retry", {"tab": "events"}, headers=HTMX)
    body = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="head"' in body
    assert "Queued" in body
    assert "sent back to the queue" in body


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_action_answers_409_with_the_sentence_and_fresh_state(admin, headers):
    job = make_job(JobStatus.COMPLETED)
    answer = admin.post(f"/jobs/{job.job_id}/cancel", headers=headers)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "is completed; only a job that has not ended can be cancelled" in page
    assert "Completed" in page


def test_a_retry_that_would_be_refused_has_no_button_and_the_page_says_why(admin):
    job = make_job(JobStatus.FAILED)
    assert f"/jobs/{job.job_id}/retry" in admin.get(f"/jobs/{job.job_id}").content.decode()
    Workstream.objects.update(locked=True, locked_reason="freeze")
    page = squeezed(admin.get(f"/jobs/{job.job_id}"))
    assert f"/jobs/{job.job_id}/retry" not in page and f"/jobs/{job.job_id}/escalate" not in page
    assert "It cannot be retried now. Workstream ws-1 is locked and takes no new jobs: freeze." in page


def test_an_unknown_action_changes_nothing(admin):
    job = make_job(JobStatus.QUEUED)
    assert admin.post(f"/jobs/{job.job_id}/explode").status_code == 404


@pytest.mark.parametrize(("verdict", "status"), [("approve", "completed"), ("reject", "rejected")])
def test_a_verdict_ends_the_review(admin, verdict, status):
    job = make_job(JobStatus.REVIEW)
    assert "Approve" in admin.get(f"/jobs/{job.job_id}").content.decode()
    assert admin.post(f"/jobs/{job.job_id}/review", {"verdict": verdict, "message": "Fine"}).status_code == 303
    job.refresh_from_db()
    assert job.status == status


def test_a_quarantined_job_can_be_released_or_closed(admin):
    one, two = make_job(JobStatus.QUARANTINED), make_job(JobStatus.QUARANTINED)
    admin.post(f"/jobs/{one.job_id}/release")
    admin.post(f"/jobs/{two.job_id}/close")
    assert set(Job.objects.values_list("status", flat=True)) == {"queued", "failed"}


def test_events_tell_state_changes_or_all(admin):
    job = make_job(JobStatus.COMPLETED)
    events.record("job.completed", job=job, old="running", new="completed")
    events.record("attempt.note", job=job, detail="by the way")
    assert "by the way" not in admin.get(f"/jobs/{job.job_id}/events").content.decode()
    assert "by the way" in admin.get(f"/jobs/{job.job_id}/events?kind=all").content.decode()


def test_more_than_eight_attempts_fold(admin):
    job = make_job(JobStatus.FAILED)
    for _ in range(11):
        make_attempt(job, AttemptStatus.FAILED)
    page = admin.get(f"/jobs/{job.job_id}").content.decode()
    assert "3 earlier attempts" in page
    assert len(re.findall(r'id="attempt-\d+"', page)) == 8


def test_bulk_gives_a_result_for_each_job(admin):
    queued, done = make_job(JobStatus.QUEUED), make_job(JobStatus.COMPLETED)
    ids = {"id": [queued.job_id, done.job_id], "action": "cancel"}
    asks = admin.post("/jobs/bulk", ids).content.decode()
    assert "Cancel 2 jobs?" in asks
    answer = admin.post("/jobs/bulk", {**ids, "sure": "1"})
    assert answer.status_code == 303
    page = admin.get(answer.headers["Location"]).content.decode()
    assert "1 job cancelled, 1 skipped" in page
    assert "only a job that has not ended can be cancelled" in page


def test_bulk_on_all_that_match_posts_the_filter(admin):
    for tool in ("git", "git", "shell"):
        make_job(JobStatus.FAILED, spec=make_document(tool=tool))
    admin.post("/jobs/bulk", {"all": "1", "query": "tool=git&status=failed", "action": "retry"})
    assert Job.objects.filter(status=JobStatus.QUEUED).count() == 2


def test_a_retry_may_carry_an_edited_command(admin):
    job = make_job(JobStatus.FAILED)
    assert "Edit the command first" in admin.get(f"/jobs/{job.job_id}/retry").content.decode()
    admin.post(f"/jobs/{job.job_id}/retry", {"command": '{"exe": "python3", "args": ["-V"]}'})
    job.refresh_from_db()
    assert job.next_command == {"exe": "python3", "args": ["-V"]}
    assert job.spec["command"]["args"] != ["-V"]


@pytest.mark.parametrize("command", ["{", "[]", '{"exe": 7}', '{"args": []}'])
def test_a_command_that_is_none_is_refused_with_a_sentence(admin, command):
    job = make_job(JobStatus.FAILED)
    answer = admin.post(f"/jobs/{job.job_id}/retry", {"command": command})
    assert answer.status_code == 422
    assert "The command was not taken" in answer.content.decode()
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED


def test_a_retry_with_the_command_untouched_changes_no_command(admin):
    job = make_job(JobStatus.FAILED)
    admin.post(f"/jobs/{job.job_id}/retry", {"command": json.dumps(job.spec["command"], indent=1)})
    job.refresh_from_db()
    assert (job.status, job.next_command) == (JobStatus.QUEUED, None)


def test_keys_lead_to_the_attempts_beside_the_one_on_screen(admin):
    job = make_job(JobStatus.FAILED)
    for _ in range(3):
        make_attempt(job, AttemptStatus.FAILED)
    page = squeezed(admin.get(f"/jobs/{job.job_id}/log?attempt=2"))
    assert f'href="/jobs/{job.job_id}/log?attempt=1" data-key="["' in page
    assert f'href="/jobs/{job.job_id}/log?attempt=3" data-key="]"' in page
    assert 'data-key="]"' not in admin.get(f"/jobs/{job.job_id}").content.decode()
