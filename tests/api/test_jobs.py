import json

import pytest

from jobs.models import Event, Job, Run, StepAttempt, Workstream
from jobs.states import JobStatus
from tests.api.conftest import Api
from tests.factories import make_attempt, make_document, make_job, make_workstream

pytestmark = pytest.mark.django_db


def test_a_submitted_document_becomes_a_queued_job(api: Api) -> None:
    document = make_document()
    response = api.post("/jobs", document)
    assert response.status_code == 201, response.content
    assert response["Location"] == f"/api/v1/jobs/{document['job_id']}"
    assert response.json()["status"] == "queued"
    job = Job.objects.get(job_id=document["job_id"])
    assert (job.submitter, job.submitted_by, job.spec) == (api.user, "mara", document)


def test_a_list_of_documents_is_submitted_whole_or_not_at_all(api: Api) -> None:
    first, second = make_document(), make_document()
    second["metadata"] = {"depends_on": [first["job_id"]]}
    assert [job["status"] for job in api.post("/jobs", [first, second]).json()] == ["queued", "waiting"]
    bad = api.post("/jobs", [make_document(job_id="fine"), make_document(tool="nonesuch")])
    assert bad.status_code == 422
    assert not Job.objects.filter(job_id="fine").exists()


def test_an_unknown_tool_is_refused_with_a_pointer_and_a_suggestion(api: Api) -> None:
    response = api.post("/jobs", make_document(tool="shel"))
    said = response.json()
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    assert said["code"] == "invalid_document"
    assert said["problems"][0]["pointer"] == "/tool"
    assert "shell" in said["problems"][0]["suggestion"] + said["problems"][0]["message"]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe",
        b'{"job_id": "a\\u0000b"}',
        b"[" * 40 + b"]" * 40,
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[]",
        b"17",
        b"null",
    ],
    ids=["cut", "empty", "not utf-8", "nul", "deep", "nan", "key twice", "empty list", "number", "null"],
)
def test_what_is_no_document_is_refused_and_nothing_written(api: Api, body: bytes) -> None:
    response = api.post("/jobs", body)
    assert response.status_code == 422
    assert response.json()["detail"]
    assert not Job.objects.exists()
    assert not Run.objects.exists()


def test_fifty_megabytes_are_refused_as_too_large(api: Api) -> None:
    assert api.post("/jobs", b'{"job_id": "' + b"x" * 50_000_000 + b'"}').status_code == 413
    nearly = api.post("/jobs", b'{"job_id": "' + b"x" * 1_200_000 + b'"}')
    assert nearly.status_code == 422
    assert "1 MB" in nearly.json()["detail"]


def test_a_duplicate_id_is_refused_and_changes_nothing(api: Api) -> None:
    document = make_document()
    api.post("/jobs", document)
    events, other = Event.objects.count(), {**document, "run_id": "another-run"}
    response = api.post("/jobs", other)
    assert (response.status_code, response.json()["code"]) == (409, "duplicate_job")
    assert Event.objects.count() == events
    assert not Run.objects.filter(run_id="another-run").exists()


def test_a_locked_workstream_takes_no_job(api: Api) -> None:
    make_workstream(locked=True, locked_reason="release freeze")
    response = api.post("/jobs", make_document())
    assert (response.status_code, response.json()["code"]) == (409, "locked_workstream")
    assert "release freeze" in response.json()["detail"]
    assert not Job.objects.exists()


def test_an_unknown_job_is_a_404(api: Api) -> None:
    for path in (
        "/jobs/nonesuch",
        "/runs/nonesuch",
        "/workstreams/77",
        "/attempts/77",
        "/events/77",
        "/errors/" + 32 * "a",
        "/tools/nonesuch",
        "/workers/77",
        "/queues/nonesuch",
    ):
        response = api.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), path


def test_check_writes_nothing_and_says_everything(api: Api) -> None:
    assert api.post("/jobs/check", make_document()).json() == {"ok": True, "problems": [], "warnings": [], "adds": []}
    said = api.post("/jobs/check", {"tool": "shell", "comand": {}}).json()
    assert not said["ok"]
    assert {"/job_id", "/comand"} <= {problem["pointer"] for problem in said["problems"]}
    assert not Run.objects.exists()


def test_the_same_idempotency_key_submits_once(api: Api) -> None:
    document = make_document()
    key = {"Idempotency-Key": "once-please"}
    first, second = api.post("/jobs", document, **key), api.post("/jobs", document, **key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second["Idempotency-Replayed"] == "true"
    assert first.json()["job_id"] == second.json()["job_id"]
    assert Job.objects.count() == 1
    other = api.post("/jobs", make_document(), **key)
    assert other.status_code == 422
    assert "Idempotency-Key" in other.json()["detail"]


def test_a_refused_submission_does_not_use_up_its_idempotency_key(api: Api) -> None:
    stream = make_workstream(locked=True)
    document, key = make_document(), {"Idempotency-Key": "again"}
    assert api.post("/jobs", document, **key).status_code == 409
    Workstream.objects.filter(pk=stream.pk).update(locked=False)
    assert api.post("/jobs", document, **key).status_code == 201


def test_pages_follow_each_other_without_gap_or_repeat(api: Api) -> None:
    ids = [make_job().job_id for _ in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        answer = api.get("/jobs", limit=3, cursor=cursor).json()
        seen += [job["job_id"] for job in answer["items"]]
        make_job()  # what comes meanwhile moves nothing
        cursor = answer["next"]
    assert seen == ids[::-1]
    assert api.get("/jobs", cursor="rubbish").status_code == 422


def test_filters_narrow_the_list(api: Api) -> None:
    make_job(JobStatus.FAILED, title="Mend the parser")
    make_job(JobStatus.RUNNING)
    make_job(JobStatus.QUEUED, queue="night")

    def names(**query: str) -> list[str]:
        return [job["status"] for job in api.get("/jobs", **query).json()["items"]]

    assert names(status="failed") == ["failed"]
    assert sorted(names(status="active")) == ["queued", "running"]
    assert sorted(names(status="failed,running")) == ["failed", "running"]
    assert names(queue="night") == ["queued"]
    assert names(q="parser") == ["failed"]
    assert names(since="2100-01-01T00:00:00Z") == []
    assert "use waiting, queued" in api.get("/jobs", status="succeeded").json()["detail"]


def test_fields_keeps_only_what_is_named(api: Api) -> None:
    job = make_job()
    assert api.get("/jobs", fields="job_id,status").json()["items"] == [{"job_id": job.job_id, "status": "queued"}]
    assert api.get(f"/jobs/{job.job_id}", fields="tool").json() == {"tool": "shell"}
    assert "did you mean status" in api.get("/jobs", fields="statuss").json()["detail"]


def test_an_unchanged_job_is_a_304(api: Api) -> None:
    job = make_job(JobStatus.COMPLETED)
    etag = api.get(f"/jobs/{job.job_id}")["ETag"]
    again = api.client.get(f"/api/v1/jobs/{job.job_id}", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    Job.objects.filter(pk=job.pk).update(summary="New")
    assert api.client.get(f"/api/v1/jobs/{job.job_id}", headers={"If-None-Match": etag}).status_code == 200


def test_waiting_for_a_job_that_has_ended_answers_at_once(api: Api) -> None:
    assert api.get(f"/jobs/{make_job(JobStatus.FAILED).job_id}", wait=30).json()["status"] == "failed"
    assert api.get(f"/jobs/{make_job(JobStatus.RUNNING).job_id}", wait=0.05).json()["status"] == "running"


def test_a_job_shows_its_attempts_and_hides_its_environment(api: Api) -> None:
    job = make_job(JobStatus.COMPLETED, spec=make_document(env={"API_KEY": "sk-1234567890", "MODE": "fast"}))
    make_attempt(job)
    said = api.get(f"/jobs/{job.job_id}").json()
    assert said["attempts"][0]["status"] == "completed"
    assert said["spec"]["env"]["MODE"] == "(hidden)"
    assert "sk-1234567890" not in json.dumps(said)
    assert StepAttempt.objects.count() == 1


def test_the_list_takes_few_queries_however_long_it_is(api: Api, django_assert_max_num_queries) -> None:
    for _ in range(30):
        make_job()
    with django_assert_max_num_queries(10):
        assert len(api.get("/jobs").json()["items"]) == 30
