"""Which directory a document means, and which are allowed: the same for page, API, command and client."""

import json
import subprocess
from pathlib import Path

import pytest
from django.test import Client as Browser

from jobs.models import Job
from jobs.services.submission import job_templates, submit
from schema.client import Client
from tests.api.conftest import Api, api, fresh_rate, make_api
from tests.cli.conftest import Engine, InProcess, engine, place
from tests.factories import make_document, make_user

__all__ = ["api", "engine", "fresh_rate", "make_api", "place"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
RELATIVE = ({"repo_root": "."}, {"repo_root": "sub/.."}, {})


@pytest.mark.parametrize("paths", RELATIVE, ids=["dot", "relative", "missing"])
def test_a_relative_root_is_refused_where_nobody_stands_in_a_directory(api: Api, paths: dict[str, str]) -> None:
    response = api.post("/jobs", make_document(paths=paths))
    problem = response.json()["problems"][0]
    assert (response.status_code, problem["pointer"]) == (422, "/paths/repo_root")
    assert "absolute path" in problem["message"]
    assert "?base=" in problem["suggestion"]
    assert not api.post("/jobs/check", make_document(paths=paths)).json()["ok"]
    assert not Job.objects.exists()


def test_over_http_base_says_what_a_relative_root_starts_from(api: Api, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    document = make_document(paths={"repo_root": "sub"})
    assert api.post(f"/jobs/check?base={tmp_path}", document).json()["ok"]
    assert api.post(f"/jobs?base={tmp_path}", document).status_code == 201
    assert Job.objects.get().paths["repo_root"] == str(tmp_path / "sub")
    assert api.post("/jobs?base=sub", document).status_code == 422


def test_base_leads_nobody_out_of_the_roots(api: Api) -> None:
    assert api.post("/jobs?base=/etc", make_document(paths={"repo_root": "."})).status_code == 422


def test_the_client_sends_the_directory_it_is_used_in(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Client("http://localhost", api.secret, transport=InProcess()) as client:
        document = make_document(paths={"repo_root": "."})
        assert client.check(document)["ok"]
        client.submit(document)
        client.submit_all([make_document(paths={})])
    assert {job.paths["repo_root"] for job in Job.objects.all()} == {str(tmp_path)}


@pytest.mark.usefixtures("place")
def test_the_command_means_the_directory_it_is_called_in(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.json").write_text(json.dumps(make_document(paths={"repo_root": "."})))
    said = engine("submit", "job.json")
    assert said.code == 0, said.err
    assert Job.objects.get().paths["repo_root"] == str(tmp_path)


def test_the_form_refuses_a_blank_repository_and_says_so_at_the_field(client: Browser) -> None:
    client.force_login(make_user(role="submitter"))
    form = {"tool": "tests", "title": "Try", "command": '{"exe": "pytest"}', "repo_root": "", "tries": "1"}
    page = client.post("/jobs/new", form)
    assert page.status_code == 422
    assert "absolute path" in page.context["errors"]["repo_root"]
    assert "paths." not in page.context["errors"]["repo_root"]
    assert not Job.objects.exists()


def test_the_dry_run_shows_directory_branch_and_state(client: Browser, repository: Path) -> None:
    client.force_login(make_user(role="submitter"))
    form = {"tool": "tests", "title": "Try", "command": '{"exe": "pytest"}', "tries": "1"}
    clean = client.post("/jobs/check", form | {"repo_root": str(repository)}).context["dry"]["place"]
    assert (clean.directory, clean.branch, clean.sentence) == (str(repository), "main", "clean")
    (repository / "new.txt").touch()
    assert (
        "1 uncommitted change"
        in client.post("/jobs/check", form | {"repo_root": str(repository)}).context["dry"]["place"].sentence
    )
    (repository.parent / "plain").mkdir()
    outside = client.post("/jobs/check", form | {"repo_root": str(repository.parent / "plain")})
    assert "no git repository" in outside.context["dry"]["place"].sentence


def test_a_repository_outside_of_the_roots_is_refused_with_the_way_out(tmp_path: Path) -> None:
    problem = submit.check(make_document(paths={"repo_root": "/srv/other"})).problems[0]
    assert f"start Engine with ENGINE_ROOTS={tmp_path.resolve()},/srv/other" in problem.message


def test_a_template_may_leave_its_repository_open() -> None:
    document = {key: value for key, value in make_document(paths={}).items() if key not in ("job_id", "run_id")}
    assert job_templates.check(document)["tool"] == "shell"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for words in (["init", "-q", "-b", "main"], ["config", "user.name", "A"], ["config", "user.email", "a@b.invalid"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "a.txt").touch()
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-qm", "One"], cwd=root, check=True)
    return root
