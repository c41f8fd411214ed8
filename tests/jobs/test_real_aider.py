"""The main job with the real aider, end to end: a document becomes a recorded, finished run on a real cluster."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from jobs import db
from jobs.models import LogChunk
from jobs.services.submission.submit import submit
from tests.factories import make_document
from tests.jobs.clusters import Cluster
from tests.model_server import ModelServer

AIDER = os.environ.get("ENGINE_TEST_AIDER", "")
pytestmark = [
    pytest.mark.aider,
    pytest.mark.cluster,
    pytest.mark.skipif(not AIDER, reason="aider is not installed: make test does it where it can"),
]
EDIT = """\
greeting.py
```python
<<<<<<< SEARCH
    return f"Hello, {name}!"
=======
    return f"Hello, {name or 'stranger'}!"
>>>>>>> REPLACE
```
"""


@pytest.fixture
def cluster(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    with django_db_blocker.unblock():
        made = Cluster(tmp_path, HOME=str(tmp_path / "home")).start()
        (tmp_path / "home").mkdir()
        try:
            yield made
        finally:
            made.stop(40)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "greeting.py").write_text('def greet(name):\n    return f"Hello, {name}!"\n')
    for words in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "Tester"],
        ["config", "user.email", "tester@example.invalid"],
        ["add", "-A"],
        ["commit", "-q", "-m", "one"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def hand_over(cluster: Cluster, repository: Path, server: ModelServer, **metadata: Any) -> str:
    args = [
        "--model",
        "ollama_chat/fake",
        "--edit-format",
        "diff",
        "--map-tokens",
        "0",
        "--message",
        "greet a stranger",
        "greeting.py",
    ]
    document = make_document(
        tool="aider",
        command={"exe": AIDER, "args": args},
        env={"OLLAMA_API_BASE": server.url},
        paths={"repo_root": str(repository), "log_file": "logs/job.log", "error_report": "logs/job.error.json"},
        metadata={"timeout_seconds": 150, "expect_changes": True, **metadata},
    )
    with db.using(cluster.store.alias):
        return submit(document).job_id


def log_of(repository: Path) -> str:
    return subprocess.run(
        ["git", "log", "--format=%s"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def test_aider_mends_the_file_commits_and_its_log_streams_while_it_runs(cluster: Cluster, repository: Path) -> None:
    rules = [{"when": "commit message", "reply": "fix: greet a stranger", "delay_s": 3}, {"reply": EDIT}]
    with ModelServer(rules) as server:
        job_id = hand_over(cluster, repository, server)
        cluster.wait_for(job_id, "running", seconds=30)
        cluster.wait(lambda: shipped(cluster, job_id) and cluster.job(job_id).status == "running", 60)
        cluster.wait_for(job_id, "completed", "failed", seconds=120)
    job, attempt = cluster.job(job_id), cluster.attempts(job_id)[0]
    assert (job.status, attempt.exit_code, attempt.reason) == ("completed", 0, "ok"), job.summary
    assert "or 'stranger'" in (repository / "greeting.py").read_text()
    assert log_of(repository).splitlines() == ["fix: greet a stranger", "one"]
    assert attempt.base_commit and attempt.head_commit and attempt.base_commit != attempt.head_commit
    assert attempt.usage["input_tokens"] > 0
    assert b"Applied edit to greeting.py" in (repository / "logs" / "job.log").read_bytes()


def test_a_model_server_in_trouble_fails_the_job_although_aider_exits_0(cluster: Cluster, repository: Path) -> None:
    with ModelServer([{"status": 500}]) as server:
        began = time.monotonic()
        job_id = hand_over(cluster, repository, server)
        cluster.wait_for(job_id, "completed", "failed", seconds=170)
    job, attempt = cluster.job(job_id), cluster.attempts(job_id)[0]
    assert (job.status, attempt.exit_code, attempt.reason) == ("failed", 0, "overloaded"), job.summary
    assert time.monotonic() - began > 5
    assert (repository / "logs" / "job.error.json").exists()
    assert log_of(repository).splitlines() == ["one"]


def shipped(cluster: Cluster, job_id: str) -> bool:
    with db.using(cluster.store.alias):
        return LogChunk.objects.filter(attempt__job__job_id=job_id).exists()
