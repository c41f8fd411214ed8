"""Tables in narrow terminals, help, version, and a wait that runs out."""

from importlib.metadata import version

import pytest

from engine_site.cli import output
from engine_site.cli.app import app
from jobs.models import ErrorGroup
from jobs.states import JobStatus
from tests.cli.conftest import Engine
from tests.factories import make_job, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("place", "data_dir")]
LONG = "release-2026-11-25-frontend-and-backend-a-long-name"
TITLE = "Make the importer read the whole file again, and say which line of it was wrong"


@pytest.fixture
def eighty(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """`engine` sets 200 columns when the fixture is made; this comes after."""
    monkeypatch.setenv("COLUMNS", "80")
    return engine


def test_a_list_at_80_columns_cuts_the_title_and_nothing_else(eighty: Engine) -> None:
    job = make_job(JobStatus.QUARANTINED, title=TITLE)
    lines = eighty("list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"{job.job_id}  quarantined  shell" in lines[1]
    assert lines[1].rstrip().endswith("…")
    assert lines[0].rstrip().endswith("TITLE")


def test_the_title_goes_where_ids_need_the_room(eighty: Engine) -> None:
    from_long = make_job(JobStatus.RUNNING, title=TITLE, job_id=f"{LONG}-{'x' * 60}")
    other = make_job(JobStatus.COMPLETED, title=TITLE)
    said = eighty("list").out
    assert from_long.job_id in said
    assert other.job_id in said
    assert "running" in said
    assert "TITLE" not in said


def test_no_column_of_any_list_is_cut_at_80_columns(eighty: Engine) -> None:
    make_run(LONG, title=TITLE)
    ErrorGroup.objects.create(
        signature="c" * 32, tool="opencode", category="context_overflow", message=TITLE, count=123456
    )
    assert f"{LONG}  pending" in eighty("runs").out
    errors = eighty("errors").out.splitlines()
    assert max(map(len, errors)) <= 80
    for word in ("cccccccc", "open", "123456", "opencode", "context_overflow", " s", "Make the"):
        assert word in errors[1]
    assert errors[0].rstrip().endswith("MESSAGE")
    assert "c" * 9 not in errors[1]


@pytest.mark.parametrize(
    ("columns", "widths"),
    [(80, {"job_id": 10, "title": 60}), (40, {"job_id": 10, "title": 26}), (20, {"job_id": 10}), (5, {"job_id": 10})],
)
def test_texts_give_way_and_ids_do_not(columns: int, widths: dict[str, int]) -> None:
    assert output._fitting({"job_id": 10, "title": 90}, columns) == widths


def test_the_help_names_environment_and_exit_codes(engine: Engine) -> None:
    said = engine("--help").out
    for word in ("ENGINE_URL", "ENGINE_TOKEN", "79", "124", "130"):
        assert word in said
    assert engine("--version").out == f"engine {version('engine-jobs')}\n"


def test_every_command_has_a_sentence_of_help() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.help or command.callback.__doc__, command.callback.__name__


def test_a_wait_that_runs_out_says_so_and_has_a_code_of_its_own(engine: Engine) -> None:
    job = make_job(JobStatus.RETRYING)
    said = engine("status", job.job_id, "--wait", "--timeout", "0")
    assert said.code == 79
    assert f"The time to wait is over and {job.job_id} is retrying; it goes on." in said.err.replace("\n", " ")
    assert f"engine status {job.job_id} --wait" in said.err.replace("\n", " ")
