"""Jobs of a confined node: what they still can do, and what they cannot."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from adapters.process.keeper import landlock
from jobs.models import StepAttempt
from jobs.services.accounts import secrets
from jobs.services.execution import confinement
from tests.jobs.test_execute import document, run

needs_landlock = pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def repository(data_dir: Path, tmp_path: Path) -> Path:
    place = tmp_path / "work" / "repository"
    place.mkdir(parents=True)
    git(place, "init", "-q")
    git(place, "commit", "-q", "--allow-empty", "-m", "first")
    return place


def git(place: Path, *arguments: str) -> None:
    author = ["-c", "user.name=T", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *author, *arguments], cwd=place, check=True)


def shell(place: Path, script: str, **more: Any) -> Any:
    body = {**document(place, []), "command": {"exe": "sh", "args": ["-c", script]}, **more}
    job, attempt = run(body)
    return job, attempt, (attempt.directory / "output.log").read_text()


@needs_landlock
def test_a_job_cannot_read_engines_keys_nor_write_its_records(repository: Path, data_dir: Path) -> None:
    secrets.put("deploy", "a-stored-secret", by="test")
    (data_dir / "engine.db").write_text("rows")
    script = f"cat {data_dir}/secrets_key; cat {data_dir}/engine.db; echo forged > {data_dir}/attempts/x; ls {data_dir}; true"
    _, _, log = shell(repository, script)
    assert log.count("ermission denied") == 4
    assert (data_dir / "secrets_key").exists() and not (data_dir / "attempts" / "x").exists()


@needs_landlock
def test_a_job_cannot_forge_how_it_ended(repository: Path) -> None:
    script = 'd=$(dirname "$TMPDIR")/../attempts; for f in "$d"/*/*; do echo {} > "$f/exit.json"; done; exit 3'
    job, attempt, _ = shell(repository, script)
    assert (job.status, attempt.exit_code) == ("failed", 3)


@needs_landlock
def test_a_job_cannot_read_another_project(repository: Path) -> None:
    other = repository.parent / "other"
    other.mkdir()
    (other / "source.py").write_text("private")
    _, _, log = shell(repository, f"cat {other}/source.py; ln -s {other} link; cat link/source.py; true")
    assert log.count("ermission denied") == 2 and "private" not in log


@needs_landlock
def test_a_job_works_in_its_tree_with_git_and_temporary_files(repository: Path) -> None:
    script = (
        "set -e; echo one > file; git add file; git -c user.name=T -c user.email=t@localhost commit -qm second; "
        'mktemp >/dev/null; python3 -c "import tempfile, multiprocessing as m; tempfile.mkstemp(); m.Lock(); m.Manager()"; '
        "echo fine"
    )
    job, _, log = shell(repository, script)
    assert (job.status, log) == ("completed", "fine\n")


@needs_landlock
@pytest.mark.parametrize("where", ["linked", "below"])
def test_a_job_works_with_a_git_directory_outside_of_its_own(where: str, repository: Path) -> None:
    place = repository.parent / "linked" if where == "linked" else repository / "below"
    if where == "linked":
        git(repository, "worktree", "add", "-q", str(place))
    else:
        place.mkdir()
    script = "echo one > file && git add file && git -c user.name=T -c user.email=t@localhost commit -qm second && git status"
    job, _, log = shell(place, script)
    assert job.status == "completed", log


def test_temporary_files_are_gone_at_the_end(repository: Path, data_dir: Path) -> None:
    _, attempt, log = shell(repository, 'echo x > "$TMPDIR/left"; echo "$TMPDIR"')
    assert Path(log.strip()) == attempt.temp_dir
    assert not attempt.temp_dir.exists()


def test_temporary_files_lie_where_a_socket_can(repository: Path, settings: Settings, tmp_path: Path) -> None:
    attempt = StepAttempt(marker="0123456789abcdef")
    settings.ENGINE_DATA_DIR = Path("/var/lib/engine")
    assert attempt.temp_dir == Path("/var/lib/engine/tmp/0123456789ab")
    settings.ENGINE_DATA_DIR = tmp_path / ("x" * 60)
    assert attempt.temp_dir == Path(tempfile.gettempdir()) / "engine-0123456789ab"


@needs_landlock
def test_the_administrator_opens_more(repository: Path, settings: Settings) -> None:
    cache = repository.parent / "cache"
    cache.mkdir()
    (repository.parent / "note").write_text("seen\n")
    settings.ENGINE_CONFINE_WRITE, settings.ENGINE_CONFINE_READ = [str(cache)], [str(repository.parent / "note")]
    job, _, log = shell(repository, f"echo x > {cache}/entry && cat {repository.parent}/note")
    assert (job.status, log) == ("completed", "seen\n")


def test_confinement_can_be_switched_off(repository: Path, settings: Settings) -> None:
    settings.ENGINE_CONFINE = "off"
    (repository.parent / "note").write_text("seen\n")
    assert shell(repository, f"cat {repository.parent}/note")[2] == "seen\n"
    assert confinement.state()[0] is False


def test_where_it_is_required_and_the_kernel_cannot_a_job_is_refused(
    repository: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENGINE_CONFINE = "require"
    monkeypatch.setattr(landlock, "version", lambda: 0)
    job, attempt = run(document(repository, ["-c", "print('ran')"]))
    assert (job.status, attempt.reason) == ("failed", "infra")
    assert "ENGINE_CONFINE is require" in job.summary and not os.path.exists(attempt.directory / "output.log")
    assert "no Landlock" in confinement.state()[1]
