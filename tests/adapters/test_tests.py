"""Test commands: what pytest's exit codes mean, and which tests failed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from adapters import Reason, get
from tests.adapters.bench import Bench

CASES = {
    "passed": ("3 passed in 0.01s\n", 0, Reason.OK, {"passed": 3}),
    "failed": (
        "FAILED test_a.py::test_a\n=== 1 failed, 2 passed, 1 skipped in 0.12s ===\n",
        1,
        Reason.TESTS_FAILED,
        {"failed": 1, "passed": 2, "skipped": 1},
    ),
    "collection errors": (
        "!!! Interrupted: 2 errors during collection !!!\n2 errors in 0.10s\n",
        2,
        Reason.TESTS_FAILED,
        {"errors": 2},
    ),
    "interrupted": ("!!! KeyboardInterrupt !!!\n1 passed in 3.00s\n", 2, Reason.EXIT_CODE, {"passed": 1}),
    "internal": ("INTERNALERROR> boom\n", 3, Reason.EXIT_CODE, {}),
    "usage": ("ERROR: file or directory not found: nowhere\n", 4, Reason.EXIT_CODE, {}),
    "nothing collected": ("no tests ran in 0.01s\n", 5, Reason.EXIT_CODE, {}),
    "no pytest": ("/usr/bin/python3: No module named pytest\n", 1, Reason.INFRA, {}),
    "crash": ("Segmentation fault\n", 139, Reason.CRASHED, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_pytests_exit_codes(case: str, bench: Bench) -> None:
    text, exit_code, reason, counts = CASES[case]
    bench.stand_in("pytest", text, exit_code)
    result, verdict = bench.run(bench.job("tests", "-q", exe="pytest"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)
    assert counts.items() <= verdict.details.items()


def test_no_tests_collected_says_so(bench: Bench) -> None:
    bench.stand_in("pytest", "no tests ran in 0.01s\n", 5)
    assert bench.run(bench.job("tests", exe="pytest"))[1].summary.startswith("No tests collected")


def test_another_runner_fails_with_any_code(bench: Bench) -> None:
    bench.stand_in("make", "FAILED (failures=2, errors=1)\nmake: *** [test] Error 1\n", 2)
    verdict = bench.run(bench.job("tests", "test", exe="make"))[1]
    assert verdict.reason is Reason.TESTS_FAILED
    assert {"failed": 2, "errors": 1}.items() <= verdict.details.items()
    assert not any("junit" in word for word in bench.argv())


def test_the_real_pytest_names_what_failed(bench: Bench) -> None:
    (bench.repo / "test_it.py").write_text(
        "class TestSum:\n    def test_no(self):\n        assert 1 == 2\n\ndef test_yes(): pass\n"
    )
    (bench.repo / "pytest.ini").write_text("[pytest]\n")
    job = bench.job("tests", "-m", "pytest", "-q", "-p", "no:cacheprovider", exe=sys.executable, timeout_seconds=90)
    result, verdict = bench.run(job)
    assert result.exit_code == 1 and verdict.reason is Reason.TESTS_FAILED, verdict
    assert verdict.summary == "Tests failed (1 failed, 1 passed): test_it.TestSum::test_no: assert 1 == 2"
    assert verdict.details["failing"] == ["test_it.TestSum::test_no"]
    report = json.loads(Path(result.error_report_path).read_text())
    assert report["category"] == "tests_failed" and report["details"]["failing"] == ["test_it.TestSum::test_no"]
    assert not (bench.repo / "__pycache__").exists()


@pytest.mark.parametrize(
    "exe, args, at",
    [
        ("pytest", ["-q"], 0),
        ("python3", ["-m", "pytest", "-q"], 2),
        ("uv", ["run", "pytest"], 2),
        ("pytest", ["--junitxml=mine.xml"], None),
        ("python3", ["-m", "unittest"], None),
        ("npm", ["test"], None),
    ],
)
def test_a_junit_file_is_asked_for_where_pytest_runs(exe: str, args: list[str], at: int | None, bench: Bench) -> None:
    bench.stand_in(exe)
    argv = get("tests").prepare(bench.job("tests", *args, exe=exe), bench.context()).argv[1:]
    own = f"--junitxml={bench.tool_dir / 'junit.xml'}"
    assert argv == (args if at is None else [*args[:at], own, *args[at:]])


@pytest.mark.parametrize("content", ["<broken", "<!DOCTYPE x [<!ENTITY a 'b'>]><testsuites/>", ""])
def test_a_bad_junit_file_is_left_aside(content: str, bench: Bench) -> None:
    (bench.tool_dir / "junit.xml").write_text(content)
    assert bench.judged("tests", "1 failed, 2 passed in 0.1s\n", 1).details["passed"] == 2


def test_a_job_may_set_where_python_looks(bench: Bench) -> None:
    bench.stand_in("pytest")
    bench.run({**bench.job("tests", exe="pytest"), "env": {"PYTHONPATH": "src"}})
    assert bench.env()["PYTHONPATH"] == "src"
