import json

import pytest

from jobs.models import Job, Run
from jobs.pages.submit import form_data
from jobs.states import JobStatus
from tests.factories import make_document, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def repo(tmp_path):
    place = tmp_path / "repo"
    place.mkdir()
    return place


def form(repo, **changes):
    return {
        "tool": "shell",
        "title": "Say hello",
        "f_command": "echo hello",
        "repo_root": str(repo),
        "tries": "1",
        "priority": "normal",
        "queue": "default",
        **changes,
    }


def test_a_form_becomes_a_job(admin, repo):
    answer = admin.post("/jobs/new", form(repo, tries="3", esc1="codex", timeout="60", review="1", scope="a/**\nb.py"))
    job = Job.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job.job_id}")
    assert job.spec["command"] == {"exe": "echo", "args": ["hello"]}
    assert job.spec["metadata"]["retry_policy"]["escalate_to"] == ["codex"]
    assert job.spec["metadata"]["files_scope"] == ["a/**", "b.py"]
    assert (job.submitted_by, job.workstream.ws_id) == ("mara", "ws-say-hello")


@pytest.mark.parametrize(
    "changes",
    [
        {"f_command": ""},
        {"f_command": "echo 'open"},
        {"timeout": "soon"},
        {"timeout": "0"},
        {"tries": "-1"},
        {"repo_root": "/etc"},
        {"run_id": "no blanks allowed"},
        {"command": "{"},
        {"command": "[]"},
        {"job_id": "?"},
    ],
)
def test_a_wrong_form_comes_back_with_its_values_and_a_sentence(admin, repo, changes):
    answer = admin.post("/jobs/new", form(repo, **changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'class="field-error"' in page
    assert "Say hello" in page
    assert not Job.objects.exists()
    assert not Run.objects.exists()


def test_the_dry_run_writes_nothing_and_shows_the_command(admin, repo):
    part = admin.post("/jobs/check", form(repo), headers=HTMX).content.decode()
    assert "Valid against the schema" in part
    assert "echo" in part
    assert "<html" not in part
    whole = admin.post("/jobs/check", form(repo)).content.decode()
    assert "<html" in whole
    assert not Job.objects.exists()


def test_the_chosen_tool_brings_its_fields_and_keeps_what_was_typed(admin):
    part = admin.get("/-/jobs/new/fields?tool=codex&f_prompt=Mend+it").content.decode()
    assert "Mend it" in part
    assert "f_model" in part


def test_a_clone_fills_the_form_without_values_of_the_environment(admin):
    spec = make_document(
        tool="git", command={"exe": "git", "args": ["status"]}, env={"A": "hush", "B": {"secret": "KEY"}}
    )
    job = make_job(JobStatus.COMPLETED, spec=spec, title="Look around")
    for path in ("/jobs/new", "/jobs/new/json"):
        page = admin.get(f"{path}?clone={job.job_id}").content.decode()
        assert "hush" not in page
        assert "KEY" in page
        assert "Cloned from" in page


def test_pasted_json_becomes_a_job_and_a_list_becomes_many(admin, repo):
    document = make_document(paths={"repo_root": str(repo)})
    answer = admin.post("/jobs/new/json", {"doc": json.dumps(document), "action": "submit"})
    assert answer.headers["Location"] == f"/jobs/{document['job_id']}"
    more = [make_document(paths={"repo_root": str(repo)}) for _ in range(3)]
    assert admin.post("/jobs/new/json", {"doc": json.dumps(more)}).headers["Location"] == "/runs/run-1"
    assert Job.objects.count() == 4


def test_an_uploaded_file_is_read_like_pasted_text(admin, repo, tmp_path):
    document = make_document(paths={"repo_root": str(repo)})
    path = tmp_path / "job.json"
    path.write_text(json.dumps(document))
    with path.open("rb") as file:
        assert admin.post("/jobs/new/json", {"file": file, "doc": ""}).status_code == 303


def test_problems_stand_under_their_lines_and_nothing_is_submitted(admin):
    text = json.dumps(make_document(tool="adier", metadata={"timeout_seconds": 0}), indent=1)
    answer = admin.post("/jobs/new/json", {"doc": text, "action": "submit"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "2 problems" in page
    assert 'id="l5"' in page
    assert "did you mean aider" in page
    assert not Job.objects.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[1, 2]", '{"a":' * 5000, "x" * 1_200_000, '{"a": 1, "a": 2}'])
def test_what_is_no_document_is_told_so(admin, text):
    answer = admin.post("/jobs/new/json", {"doc": text})
    assert answer.status_code == 422
    assert "nothing was submitted" in answer.content.decode()


def test_a_taken_job_id_is_a_409_and_changes_nothing(admin, repo):
    document = make_document(paths={"repo_root": str(repo)})
    make_job(JobStatus.COMPLETED, spec=document)
    answer = admin.post("/jobs/new/json", {"doc": json.dumps(document)})
    assert answer.status_code == 409
    assert "already exists" in answer.content.decode()
    assert Job.objects.count() == 1


def test_check_alone_submits_nothing(admin, repo):
    document = make_document(paths={"repo_root": str(repo)})
    page = admin.post("/jobs/new/json", {"doc": json.dumps(document), "action": "check"}).content.decode()
    assert "ready to submit" in page
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("policy", "tries", "escalation"),
    [
        (None, "1", ["", ""]),
        ("none", "1", ["", ""]),
        ("retry_same", "3", ["", ""]),
        ("escalate_to_codex", "2", ["codex", ""]),
        ({"rules": [{"times": 4}, {"times": 2}], "escalate_to": ["codex", "claude"]}, "5", ["codex", "claude"]),
    ],
)
def test_the_form_shows_the_attempts_that_the_retry_policy_gives(policy, tries, escalation):
    values = form_data.of_document(make_document(metadata={"retry_policy": policy}))
    assert (values["tries"], [values["esc1"], values["esc2"]]) == (tries, escalation)


def test_the_form_can_ask_for_the_command_as_it_stands():
    read = form_data.read({"tool": "shell", "f_command": "true", "repo_root": "/tmp", "raw": "1"})
    assert read.document["metadata"]["raw_command"] is True
    assert form_data.of_document(read.document)["raw"] == "1"
    assert "raw_command" not in form_data.read({"tool": "shell", "f_command": "true"}).document["metadata"]
