"""What an attempt leaves behind: an error report that is true, no lock of git's, and no blame on the wrong one."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from adapters import Reason, git_lock
from tests.adapters.bench import Bench


def fail_and_then_pass(bench: Bench) -> Path:
    job = bench.job("shell", exe="anything")
    bench.stand_in("anything", "error: it is broken\n", 1)
    bench.run(job)
    path = bench.repo / "logs/job.error.json"
    assert json.loads(path.read_text())["category"] == "exit_code"
    bench.stand_in("anything")
    assert bench.run(job)[1].success
    return path


def test_the_error_report_goes_when_a_later_attempt_succeeds(bench: Bench) -> None:
    assert not fail_and_then_pass(bench).exists()


@pytest.mark.parametrize("text", ['{"job_id": "another", "log_tail": ""}', '{"job_id": "job-1"}', "mine", "[1]"])
def test_a_file_that_is_not_this_jobs_report_stays(text: str, bench: Bench) -> None:
    path = fail_and_then_pass(bench)
    path.write_text(text)
    bench.run(bench.job("shell", exe="anything"))
    assert path.read_text() == text


def test_a_lock_that_a_killed_git_left_is_removed_and_told(bench: Bench) -> None:
    bench.stand_in("anything", body="touch .git/index.lock; kill -9 $$")
    result, verdict = bench.run(bench.job("shell", exe="anything"))
    assert verdict.reason is Reason.CRASHED
    assert result.metadata["git_lock_removed"] == str(bench.repo / ".git/index.lock")
    assert not (bench.repo / ".git/index.lock").exists()


def test_a_lock_of_somebody_else_stays(bench: Bench) -> None:
    lock = bench.repo / ".git/index.lock"
    lock.touch()
    os.utime(lock, (1, 1))
    assert git_lock.remove_left_behind(bench.repo, time.time() - 5) == ""
    lock.unlink()
    # A git that still works there may own a lock, however young.
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=bench.repo, stdin=subprocess.PIPE) as running:
        lock.touch()
        assert git_lock.remove_left_behind(bench.repo, 0) == ""
        assert running.stdin is not None
        running.stdin.close()
    assert git_lock.remove_left_behind(bench.repo, 0) == str(lock)
    assert git_lock.remove_left_behind(bench.repo, 0) == git_lock.remove_left_behind(bench.home, 0) == ""


def test_a_log_file_that_cannot_be_written_is_the_jobs_own_fault(bench: Bench) -> None:
    bench.stand_in("anything")
    job = bench.job("shell", exe="anything")
    (bench.repo / "logs/job.log").mkdir(parents=True)
    verdict = bench.run(job)[1]
    assert verdict.reason is Reason.INFRA and verdict.details == {"permanent": True, "blames": "job"}
    full = "The job's log file x (paths.log_file) cannot be written: No space left on device; make room and run again."
    assert not bench.judged("shell", "", None, ended_by="log_error", error=full).details
