"""`manage.py run_job`: one sentence and a telling exit code for whatever is wrong; nothing half-written."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from jobs.models import Job, Run
from jobs.services.operations import controls
from tests.factories import make_document, make_job, make_workstream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(content: Any) -> tuple[int, str]:
        path = tmp_path / "job.json"
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        said = io.StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("run_job", "--job-file", str(path), stderr=said)
        return int(str(end.value.code)), said.getvalue()

    return call


def document(tmp_path: Path, *args: str, **changes: Any) -> dict[str, Any]:
    return make_document(args=list(args), paths={"repo_root": "."}, **changes)


def test_a_good_job_ends_with_0_and_its_output(run: Any, tmp_path: Path, capfdbinary: Any) -> None:
    code, said = run(document(tmp_path, "-c", "print('hello')"))
    assert (code, Job.objects.get().status) == (0, "completed")
    assert said.startswith("completed")


@pytest.mark.parametrize(
    ("args", "metadata", "code", "status"),
    [
        (["-c", "raise SystemExit(7)"], {}, 7, "failed"),
        (["-c", "import time; time.sleep(60)"], {"timeout_seconds": 0.4, "grace_seconds": 0.2}, 124, "timeout"),
        (["-c", "import os; os.kill(os.getpid(), 9)"], {}, 1, "failed"),
    ],
    ids=["failed", "timed out", "killed"],
)
def test_a_bad_end_is_told_by_the_exit_code(
    run: Any, tmp_path: Path, args: list[str], metadata: dict[str, Any], code: int, status: str
) -> None:
    assert run(document(tmp_path, *args, metadata=metadata))[0] == code
    assert Job.objects.get().status == status


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{ not json", "line 1"),
        (b'{"job_id": "a"}', "run_id"),
        (b"\xff\xfe\x00", "UTF"),
        (b'{"a": "' + b"x" * 50_000_000 + b'"}', "1 MB"),
        (b"[" * 100_000, ""),
    ],
    ids=["no JSON", "incomplete", "no UTF-8", "50 MB", "deep"],
)
def test_a_document_that_is_none_ends_with_65_and_leaves_nothing(run: Any, content: bytes, word: str) -> None:
    code, said = run(content)
    assert code == 65 and word in said
    assert not Job.objects.exists() and not Run.objects.exists()


def test_an_unknown_tool_is_named_with_a_suggestion(run: Any, tmp_path: Path) -> None:
    code, said = run({**document(tmp_path), "tool": "aidr"})
    assert code == 65 and "aidr" in said and "aider" in said


def test_a_file_that_is_not_there_ends_with_66(run: Any) -> None:
    code, said = run(None)
    assert code == 66 and "Cannot read the job file" in said


def test_a_second_job_of_the_same_id_is_refused(run: Any, tmp_path: Path) -> None:
    known = make_job()
    code, said = run({**document(tmp_path), "job_id": known.job_id})
    assert code == 1 and "choose another job_id" in said
    assert Job.objects.count() == 1


def test_a_locked_workstream_is_named(run: Any, tmp_path: Path) -> None:
    controls.lock_workstream(make_workstream(), by="mara")
    code, said = run(document(tmp_path))
    assert code == 1 and "ws-1 is locked" in said


def test_a_missing_program_and_a_path_outside_the_roots_are_told_apart(run: Any, tmp_path: Path) -> None:
    code, said = run({**document(tmp_path), "command": {"exe": "no-such-program"}})
    assert code == 1 and "not on this host's PATH" in said
    code, said = run({**document(tmp_path), "paths": {"repo_root": "/etc"}})
    assert code == 65 and "outside of the allowed roots" in said


def test_the_console_command_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{")
    environment = {
        **os.environ,
        "ENGINE_DATA_DIR": str(tmp_path / "var"),
        "ENGINE_ROOTS": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "DATABASE_URL": "",
    }
    engine = str(Path(sys.executable).with_name("engine"))
    done = subprocess.run(
        [engine, "run-job", "--job-file", "job.json"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 65 and "job.json" in done.stderr and "Traceback" not in done.stderr


def test_a_new_database_gets_its_tables(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(document(tmp_path, "-c", "print('hello')")))
    environment = {
        "PATH": os.environ["PATH"],
        "ENGINE_DATA_DIR": str(tmp_path.with_name(tmp_path.name + "-var")),
        "ENGINE_ROOTS": str(tmp_path),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": "python3",
    }
    manage = str(Path(__file__).resolve().parents[2] / "manage.py")
    done = subprocess.run(
        [sys.executable, manage, "run_job", "--job-file", "job.json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
