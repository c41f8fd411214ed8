import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from jobs.models import ErrorGroup, Event, Job, Node, Workstream
from jobs.states import JobStatus
from tests.cli.conftest import Engine
from tests.factories import make_attempt, make_document, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("place", "data_dir")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(make_document(job_id="job-cli", paths={"repo_root": str(tmp_path)})))
    return path


def test_submit_puts_a_file_into_the_queue(engine: Engine, file: Path) -> None:
    said = engine("submit", str(file))
    assert said.code == 0, said.err
    assert "job-cli queued" in said.err
    assert Job.objects.get().submitted_by
    assert Event.objects.get(event_type="job.submitted").via


def test_submit_reads_standard_input_and_speaks_json(engine: Engine, file: Path) -> None:
    said = engine("submit", "-", "--json", stdin=file.read_bytes())
    assert (said.code, json.loads(said.out)["job_id"]) == (0, "job-cli")


def test_several_files_are_submitted_all_or_none(engine: Engine, file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(make_document(tool="nonesuch")))
    assert engine("submit", str(file), str(bad)).code == 65
    assert not Job.objects.exists()
    other = tmp_path / "other.json"
    other.write_text(json.dumps(make_document(paths={"repo_root": str(tmp_path)})))
    assert engine("submit", str(file), str(other)).code == 0
    assert Job.objects.count() == 2


def test_bad_documents_end_with_65_and_name_each_fault_in_its_line(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{\n "tool": "shel"\n}')
    said = engine("submit", str(path))
    assert said.code == 65
    assert said.err.startswith("engine: ")
    assert "line 2" in said.err
    path.write_text("{")
    assert engine("submit", str(path)).code == 65
    assert engine("submit", str(tmp_path / "missing.json")).code == 66


def test_a_duplicate_and_a_locked_workstream_are_refused_with_1(engine: Engine, file: Path) -> None:
    assert engine("submit", str(file)).code == 0
    said = engine("submit", str(file))
    assert (said.code, said.out) == (1, "")
    assert "already exists" in said.err
    Job.objects.all().delete()
    Workstream.objects.update(locked=True, locked_reason="freeze")
    assert "freeze" in engine("submit", str(file)).err


def test_check_writes_nothing(engine: Engine, file: Path, tmp_path: Path) -> None:
    assert engine("check", str(file)).code == 0
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    said = engine("check", str(bad), "--json")
    assert (said.code, json.loads(said.out)["ok"]) == (65, False)
    assert not Job.objects.exists()


def test_list_and_status_show_the_same_to_people_and_programs(engine: Engine) -> None:
    job = make_job(JobStatus.FAILED, title="Mend [bold]it[/]", summary="It broke")
    make_attempt(job, "failed", exit_code=3)
    make_job(JobStatus.RUNNING)
    said = engine("list", "--status", "failed")
    assert job.job_id in said.out
    assert "Mend [bold]it[/]" in said.out
    assert [row["job_id"] for row in json.loads(engine("list", "--status", "failed", "--json").out)] == [job.job_id]
    shown = engine("status", job.job_id)
    assert "It broke" in shown.out
    assert "exit code 3" in shown.out
    assert json.loads(engine("status", job.job_id, "--json").out)["attempts"][0]["exit_code"] == 3


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (JobStatus.COMPLETED, 0),
        (JobStatus.FAILED, 3),
        (JobStatus.TIMEOUT, 124),
        (JobStatus.CANCELLED, 130),
        (JobStatus.REJECTED, 3),
    ],
)
def test_waiting_ends_with_the_exit_code_of_the_job(engine: Engine, state: str, code: int) -> None:
    job = make_job(state)
    make_attempt(job, "completed" if code == 0 else "failed", exit_code=0 if code == 0 else 3)
    assert engine("status", job.job_id, "--wait").code == code


@pytest.mark.parametrize(
    ("verb", "before", "after", "more"),
    [
        ("cancel", JobStatus.QUEUED, "cancelled", []),
        ("retry", JobStatus.FAILED, "queued", []),
        ("escalate", JobStatus.FAILED, "queued", ["--to", "codex"]),
        ("hold", JobStatus.QUEUED, "waiting", []),
        ("release", JobStatus.QUARANTINED, "queued", []),
    ],
)
def test_each_verb_does_what_it_says(engine: Engine, verb: str, before: str, after: str, more: list[str]) -> None:
    job = make_job(before)
    said = engine(verb, job.job_id, *more)
    assert (said.code, f"{job.job_id} is {after}" in said.err) == (0, True), said.err
    again = engine(verb, job.job_id, *more)
    assert again.code == (0 if verb == "hold" else 1), again.err


def test_a_review_is_given(engine: Engine) -> None:
    job = make_job(JobStatus.REVIEW)
    assert engine("review", job.job_id, "approve").code == 0
    job.refresh_from_db()
    assert job.status == "completed"


def test_the_log_is_printed_as_it_is(engine: Engine) -> None:
    job = make_job(JobStatus.COMPLETED)
    attempt = make_attempt(job)
    attempt.directory.mkdir(parents=True)
    (attempt.directory / "output.log").write_text("first\nlast\n")
    assert engine("logs", job.job_id).out == "first\nlast\n"
    assert engine("logs", job.job_id, "--attempt", "9").code == 66


def test_runs_errors_and_tools_are_listed(engine: Engine) -> None:
    job = make_job()
    ErrorGroup.objects.create(signature="c" * 32, tool="shell", category="crashed", message="It broke", count=4)
    assert job.run_id in engine("runs").out
    assert "It broke" in engine("errors").out
    assert json.loads(engine("errors", "--json").out)[0]["count"] == 4
    assert "shell" in engine("tools").out
    assert {"aider", "shell"} <= {tool["name"] for tool in json.loads(engine("tools", "--json").out)}


@pytest.mark.parametrize(
    "words", [("status", "none"), ("logs", "none"), ("cancel", "none"), ("status", "none", "--json")]
)
def test_what_is_not_there_ends_with_66_in_one_sentence(engine: Engine, words: tuple[str, ...]) -> None:
    said = engine(*words)
    assert (said.code, said.out) == (66, "")
    assert said.err.strip() == "engine: Job none not found."


@pytest.fixture
def worker(settings: Any) -> Node:
    environment = {
        "roots": ["/srv/repos"],
        "shell_allowed": True,
        "executables": ["python3"],
        "data": "/var/lib/engine",
        "python": "3.13.9",
    }
    settings.ENGINE_ALLOW_SHELL = False
    return Node.objects.create(name="n1", host="h", pid=1, pid_started=1, environment=environment)


def test_doctor_tells_what_the_workers_were_started_with(engine: Engine, worker: Node) -> None:
    said = json.loads(engine("doctor", "--json").out)
    assert said["well"]
    told = said["workers"][0]
    assert (told["name"], told["roots"], told["shell_allowed"], told["python"]) == (
        "n1",
        ["/srv/repos"],
        True,
        "3.13.9",
    )
    shown = engine("doctor")
    assert shown.code == 0
    assert "/srv/repos" in shown.out


def test_doctor_without_a_worker_says_how_to_start_one(engine: Engine) -> None:
    Node.objects.create(name="gone", host="h", pid=1, pid_started=1, stopped_at=timezone.now())
    said = engine("doctor")
    assert said.code == 1
    assert "engine worker" in said.err
    assert "gone" in said.out


def test_a_document_is_judged_by_the_settings_of_the_workers(
    engine: Engine, place: str, file: Path, worker: Node, tmp_path: Path
) -> None:
    if place == "remote":
        pytest.skip("a server judges by its own")
    said = engine("check", str(file))
    assert said.code == 65
    assert "/srv/repos" in said.err
    Node.objects.update(environment={**worker.environment, "roots": [str(tmp_path)]})
    assert engine("check", str(file)).code == 0


@pytest.mark.parametrize(
    ("option", "value"), [("status", "succeeded"), ("tool", "nonesuch"), ("priority", "urgent"), ("since", "yesterday")]
)
def test_an_unknown_value_of_a_filter_is_named_in_one_sentence(engine: Engine, option: str, value: str) -> None:
    said = engine("list", f"--{option}", value)
    assert (said.code, said.out) == (65, "")
    first = said.err.splitlines()[0]
    assert first.startswith("engine: ")
    assert f"{option}: " in first


def test_list_takes_each_filter_of_the_page(engine: Engine) -> None:
    make_job(queue="night", priority="low", title="Found")
    make_job(queue="day", title="Other")
    said = engine("list", "--queue", "night", "--priority", "low,high", "--status", "active", "--since", "24h")
    assert (said.code, "Found" in said.out, "Other" in said.out) == (0, True, False), said.err
