"""What the usual test runners print: counts, names, and what the first failing test says."""

from __future__ import annotations

import sys

import pytest

from adapters import Reason
from tests.adapters.bench import Bench

UNITTEST = """\
test_name (test_greeting.GreetingTest.test_name) ... ok
test_stranger (test_greeting.GreetingTest.test_stranger) ... FAIL

======================================================================
FAIL: test_stranger (test_greeting.GreetingTest.test_stranger)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "test_greeting.py", line 9, in test_stranger
    self.assertEqual(greet(""), "Hello, stranger!")
AssertionError: 'Hello, !' != 'Hello, stranger!'
- Hello, !
+ Hello, stranger!

----------------------------------------------------------------------
Ran 3 tests in 0.001s

FAILED (failures=1, skipped=1)
"""
JEST = """\
FAIL ./sum.test.js
  sum
    \u2713 adds (2 ms)
    \u2715 adds more (1 ms)

  \u25cf sum \u203a adds more

    expect(received).toBe(expected) // Object.is equality

Test Suites: 1 failed, 1 total
Tests:       1 failed, 2 passed, 3 total
"""
VITEST = """\
 FAIL  src/sum.test.ts > sum > adds more
AssertionError: expected 2 to be 3

 Test Files  1 failed (1)
      Tests  1 failed | 2 passed (3)
"""
GO = """\
=== RUN   TestAdd
--- PASS: TestAdd (0.00s)
=== RUN   TestMore
    sum_test.go:9: got 2, want 3
--- FAIL: TestMore (0.00s)
    sum_test.go:9: got 2, want 3
FAIL
FAIL\texample.com/sum\t0.002s
"""
CARGO = """\
running 2 tests
test tests::adds ... ok
test tests::adds_more ... FAILED

---- tests::adds_more stdout ----

thread 'tests::adds_more' panicked at src/lib.rs:9:5:
assertion `left == right` failed
  left: 2

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 1 test
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""
TAP = "TAP version 13\nok 1 - adds\nnot ok 2 - adds more\nok 3 - later # SKIP no time\n1..3\n"
PYTEST = """\
FAILED test_a.py::test_more - AssertionError: assert 2 == 3
=== 1 failed, 2 passed in 0.12s ===
"""
STRANGER = "test_greeting.GreetingTest.test_stranger"
CASES = {
    "unittest": (
        "python3",
        UNITTEST,
        1,
        {"failed": 1, "skipped": 1, "passed": 1},
        STRANGER,
        "AssertionError: 'Hello, !'",
    ),
    "jest": ("npx", JEST, 1, {"failed": 1, "passed": 2}, "sum › adds more", "expect(received).toBe(expected)"),
    "vitest": ("npx", VITEST, 1, {"failed": 1, "passed": 2}, "src/sum.test.ts > sum > adds more", "expected 2 to be 3"),
    "go": ("go", GO, 1, {"failed": 1, "passed": 1}, "TestMore", "got 2, want 3"),
    "cargo": ("cargo", CARGO, 101, {"failed": 1, "passed": 2}, "tests::adds_more", "assertion `left == right` failed"),
    "TAP": ("node", TAP, 1, {"failed": 1, "passed": 1, "skipped": 1}, "adds more", ""),
    "pytest without its file": ("make", PYTEST, 2, {"failed": 1, "passed": 2}, "test_a.py::test_more", "assert 2 == 3"),
}


@pytest.mark.parametrize("case", CASES)
def test_counts_names_and_the_first_message_are_read(case: str, bench: Bench) -> None:
    exe, text, code, counts, name, error = CASES[case]
    bench.stand_in(exe, text, code)
    verdict = bench.run(bench.job("tests", "test", exe=exe))[1]
    assert verdict.reason is Reason.TESTS_FAILED
    assert counts.items() <= verdict.details.items() and verdict.details["failing"] == [name]
    assert name in verdict.summary and error in verdict.summary and f"{counts['failed']} failed" in verdict.summary
    # What errors are grouped by.
    assert verdict.details["error"].startswith(name) and error in verdict.details["error"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("Ran 3 tests in 0.1s\n\nOK (skipped=1)\n", "2 passed, 1 skipped"),
        ("Tests:       2 passed, 2 total\n", "2 passed"),
        ("--- PASS: TestAdd (0.00s)\nok  \tx\t0.1s\n", "1 passed"),
        ("1..1\nok 1 - adds\n", "1 passed"),
    ],
)
def test_a_good_run_is_counted_too(text: str, said: str, bench: Bench) -> None:
    verdict = bench.judged("tests", text)
    assert verdict.summary.startswith(f"Tests passed ({said})")


def test_the_real_unittest_names_what_failed(bench: Bench) -> None:
    (bench.repo / "test_it.py").write_text(
        "import unittest\n\nclass Sum(unittest.TestCase):\n    def test_no(self):\n        self.assertEqual(1, 2)\n"
    )
    verdict = bench.run(bench.job("tests", "-m", "unittest", "-v", exe=sys.executable, timeout_seconds=90))[1]
    assert verdict.details["failing"] == ["test_it.Sum.test_no"]
    assert verdict.summary == "Tests failed (1 failed): test_it.Sum.test_no: AssertionError: 1 != 2"


def test_a_command_that_is_not_there_is_no_failed_test(bench: Bench) -> None:
    assert bench.judged("tests", "sh: jest: not found\n", 127).reason is Reason.EXIT_CODE
