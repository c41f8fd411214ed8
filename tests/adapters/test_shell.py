"""The shell tool: any program that the server allows, as it is."""

from __future__ import annotations

import pytest

from adapters import AdapterError, Reason, get, run_shell_job
from tests.adapters.bench import Bench


@pytest.mark.parametrize(
    "script, exit_code, reason",
    [
        ("exit 0", 0, Reason.OK),
        ("echo broken; exit 3", 3, Reason.EXIT_CODE),
        ("nosuchprogram", 127, Reason.EXIT_CODE),
        ("/etc/passwd", 126, Reason.EXIT_CODE),
        ("exit 139", 139, Reason.CRASHED),
        ("kill -ABRT $$", None, Reason.CRASHED),
    ],
)
def test_exit_codes_and_signals(script: str, exit_code: int | None, reason: Reason, bench: Bench) -> None:
    result, verdict = bench.run(bench.job("shell", "-c", script, exe="sh"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)


def test_a_time_limit_is_told_apart_from_a_failure(bench: Bench) -> None:
    result, verdict = bench.run(bench.job("shell", "30", exe="sleep", timeout_seconds=0.2))
    assert (result.status, verdict.reason) == ("timeout", Reason.TIMEOUT)


def test_silence_is_told_apart_from_a_time_limit(bench: Bench) -> None:
    verdict = bench.run(bench.job("shell", "30", exe="sleep", idle_timeout_seconds=0.2))[1]
    assert verdict.reason is Reason.STALLED


def test_no_shell_reads_the_arguments(bench: Bench) -> None:
    bench.stand_in("show")
    bench.run(bench.job("shell", "$(touch x); *", "a b", exe="show"))
    assert bench.argv() == ["$(touch x); *", "a b"]


def test_a_program_of_the_repository_is_named_by_its_path(bench: Bench) -> None:
    (bench.repo / "run.sh").write_text("#!/bin/sh\necho here\n")
    with pytest.raises(AdapterError, match=r"run\.sh is not executable"):
        bench.run(bench.job("shell", exe="./run.sh"))
    (bench.repo / "run.sh").chmod(0o755)
    assert bench.run(bench.job("shell", exe="./run.sh"))[1].success
    with pytest.raises(AdapterError, match="leads out of the repository; use an absolute path"):
        bench.run(bench.job("shell", exe="../bin/show"))


def test_it_runs_alone_without_a_context(bench: Bench) -> None:
    log_file = bench.repo / "logs/job.log"
    result = run_shell_job(bench.job("shell", "-c", "echo alone", exe="sh"))
    assert result.success and result.log_path == str(log_file)
    assert bench.log() == "alone\n"


def test_its_form_makes_a_program_or_a_script(bench: Bench) -> None:
    form = get("shell").form_to_command
    assert form({"command": "make 'all of it'"}) == {"exe": "make", "args": ["all of it"]}
    script = form({"command": "make | tail", "script": "on"})
    assert script["exe"] == "bash" and script["args"][-1] == "make | tail" and "pipefail" in script["args"]
