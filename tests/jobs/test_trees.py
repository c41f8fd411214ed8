"""Working trees: one writer in each, whatever path names it; and who may read what jobs leave there."""

import stat
import subprocess
from pathlib import Path

import pytest
from pytest_django import Settings

from jobs.models import Job
from jobs.services.execution.claim import Claimant, claim_next
from jobs.services.execution.execute import execute
from jobs.services.submission.submit import submit
from tests.factories import make_document

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _data(data_dir: Path) -> None:
    pass


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    (place / "sub").mkdir(parents=True)
    (place / "other").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    (tmp_path / "link").symlink_to(place / "sub")
    return place


def sent(root: Path, **paths: str) -> Job:
    return submit(make_document(paths={"repo_root": str(root), **paths}))


def running() -> list[str]:
    names = []
    while attempt := claim_next(Claimant.this_process(slots=9)):
        names.append(attempt.job.job_id)
    return names


@pytest.mark.parametrize("second", ["app", "app/other", "link", "."])
def test_one_writer_in_a_tree_whatever_path_names_it(second: str, tree: Path, tmp_path: Path) -> None:
    first = sent(tree / "sub")
    other = sent(tmp_path, working_dir="app") if second == "." else sent(tmp_path / second)
    assert running() == [first.job_id]
    assert (other.repo_key, other.tree_key) == (str((tmp_path / second).resolve()), str(tree))


def test_two_repositories_in_one_directory_have_a_writer_each(tree: Path, tmp_path: Path) -> None:
    inner = tree / "other"
    subprocess.run(["git", "init", "-q"], cwd=inner, check=True)
    jobs = [sent(tree), sent(inner)]
    assert running() == [job.job_id for job in jobs]


@pytest.mark.parametrize("mask", [0o022, 0o002])
def test_files_of_a_job_have_the_servers_umask_and_engines_own_are_closed(
    mask: int, tmp_path: Path, settings: Settings
) -> None:
    settings.ENGINE_UMASK = mask
    job = submit(
        make_document(
            args=["-c", "open('made', 'w').close(); import os; os.mkdir('place')"],
            paths={"repo_root": str(tmp_path), "log_file": "logs/job.log"},
        )
    )
    attempt = claim_next(Claimant.this_process(slots=9))
    assert attempt is not None
    execute(attempt)
    job.refresh_from_db()
    assert job.status == "completed", job.summary
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("made", "place", "logs/job.log")}
    assert modes == {"made": 0o666 & ~mask, "place": 0o777 & ~mask, "logs/job.log": 0o666 & ~mask}
    assert stat.S_IMODE(attempt.directory.stat().st_mode) == 0o700
