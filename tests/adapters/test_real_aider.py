"""The real aider, against a model server on loopback. ENGINE_TEST_AIDER names its executable."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from adapters import Reason
from tests.adapters.bench import Bench
from tests.model_server import ModelServer

AIDER = os.environ.get("ENGINE_TEST_AIDER", "")

pytestmark = [
    pytest.mark.aider,
    pytest.mark.skipif(not AIDER, reason="ENGINE_TEST_AIDER does not name an aider executable"),
]

EDIT = """\
greeting.py
```python
<<<<<<< SEARCH
    return "Hello, " + name + "!"
=======
    return f"Hello, {name or 'stranger'}!"
>>>>>>> REPLACE
```
"""
ANSWERS = [{"when": "commit message", "reply": "fix: greet a stranger"}, {"reply": EDIT}]


def job_for(bench: Bench, server: ModelServer, *args: str, **metadata: Any) -> dict[str, Any]:
    own = (
        "--model",
        "ollama_chat/fake",
        "--edit-format",
        "diff",
        "--map-tokens",
        "0",
        "--message",
        "greet a stranger",
        *args,
    )
    job = bench.job(
        "aider", *own, "greeting.py", exe=AIDER, **{"timeout_seconds": 150, "expect_changes": True, **metadata}
    )
    return {**job, "env": {"OLLAMA_API_BASE": server.url}}


def git(bench: Bench, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=bench.repo, check=True, capture_output=True, text=True).stdout


def test_the_file_is_changed_and_committed(bench: Bench) -> None:
    # What a repository says of tests and addresses must not count.
    (bench.repo / ".env").write_text("OLLAMA_API_BASE=http://127.0.0.1:9\n")
    (bench.repo / ".aider.conf.yml").write_text(f"test-cmd: touch {bench.root}/sprung\nauto-test: true\n")
    with ModelServer(ANSWERS) as server:
        result, verdict = bench.run(job_for(bench, server))
        assert len(server.requests) == 2
    assert result.success and verdict.reason is Reason.OK, bench.log()
    assert "or 'stranger'" in (bench.repo / "greeting.py").read_text()
    assert git(bench, "log", "--format=%an: %s").splitlines() == [
        "Engine: fix: greet a stranger",
        "Tester: one",
    ]
    assert result.metadata["git"]["commits"] == 1 and result.metadata["git"]["changed_files"] == 1
    assert verdict.usage["input_tokens"] > 0 and verdict.usage["output_tokens"] > 0
    assert "Applied edit to greeting.py" in bench.log()
    assert git(bench, "status", "--short", "--untracked-files=all").split() == [
        "??",
        ".aider.conf.yml",
        "??",
        ".env",
        "??",
        "logs/job.log",
    ]
    assert not (bench.root / "sprung").exists()
    assert "Engine" not in git(bench, "config", "--local", "--list")


@pytest.mark.slow
def test_a_failing_server_is_no_success_although_aider_exits_0(bench: Bench) -> None:
    # It retries for a minute whatever it is told; the answer to the last try is the one that counts.
    with ModelServer([{"status": 500}]) as server:
        result, verdict = bench.run(job_for(bench, server))
        assert len(server.requests) == 9
    assert (result.exit_code, result.success, verdict.reason) == (0, False, Reason.OVERLOADED), bench.log()
    assert Path(result.error_report_path).is_file()
    assert git(bench, "log", "--format=%s").splitlines() == ["one"]


def test_an_edit_that_does_not_fit_is_no_success_although_aider_exits_0(bench: Bench) -> None:
    with ModelServer([{"reply": EDIT.replace('"Hello, "', '"Good day, "')}]) as server:
        result, verdict = bench.run(job_for(bench, server))
    assert (result.exit_code, verdict.reason) == (0, Reason.EDIT_FAILED), bench.log()


def test_an_answer_without_an_edit_is_no_change(bench: Bench) -> None:
    with ModelServer([{"reply": "All is well as it is."}]) as server:
        assert bench.run(job_for(bench, server))[1].reason is Reason.NO_CHANGE


def test_a_hanging_server_ends_with_the_time_limit(bench: Bench) -> None:
    with ModelServer([{"hang": True}]) as server:
        result, verdict = bench.run(job_for(bench, server, timeout_seconds=12, grace_seconds=1))
        assert server.requests, bench.log()
    assert (verdict.reason, result.status) == (Reason.TIMEOUT, "timeout")
