"""Test commands: pytest, and whatever else a project calls its checks with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from adapters import rules
from adapters.base import Draft, Field, Job, JobResult, ToolAdapter
from adapters.evidence import Evidence
from adapters.process.spec import Ending
from adapters.tools import flags, test_output
from adapters.tools.test_output import TestOutput
from adapters.verdict import Reason, Verdict

JUNIT = "junit.xml"
TEXT_BYTES = 512 * 1024  # of the end of the log, where the results stand
NO_RUNNER = re.compile(r"No module named ['\"]?(pytest|unittest|nose2?|tox|nox)\b")
PYTEST_EXITS = {
    2: "pytest was interrupted",
    3: "pytest met an internal error",
    4: "pytest did not understand its arguments",
}


class TestsAdapter(ToolAdapter):
    __test__ = False  # not a test class, whatever its name

    name = "tests"
    executables = (
        "pytest",
        "py.test",
        "python",
        "python3",
        "python3.*",
        "uv",
        "tox",
        "nox",
        "hatch",
        "make",
        "npm",
        "npx",
        "pnpm",
        "yarn",
        "node",
        "deno",
        "bun",
        "go",
        "cargo",
        "mvn",
        "gradle",
        "gradlew",
        "dotnet",
        "ctest",
        "bazel",
        "rake",
        "bundle",
        "rspec",
        "phpunit",
        "mix",
        "swift",
    )
    capabilities = ("check", "counts")
    default_idle_s = 600.0
    own_env = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    allowed_env = ("PYTHONPATH", "NODE_PATH", "NODE_OPTIONS", "RUBYLIB", "PERL5LIB")
    fields = (
        Field(
            "command", "Test command", help="For example: pytest -q, or: make test", default="pytest -q", required=True
        ),
    )

    def add_to(self, draft: Draft) -> None:
        at = _pytest_at(draft.job)
        if at is not None and not flags.has(draft.args, "--junitxml", "--junit-xml"):
            draft.args.insert(at, f"--junitxml={draft.report_file(JUNIT)}")

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        words = shlex.split(values["command"])
        return {"exe": words[0] if words else "", "args": words[1:]}

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        found = test_output.of_junit(evidence.file(JUNIT))
        if not found.counts:
            found = test_output.of_text(evidence.tail(TEXT_BYTES))
        counts, code = found.counts, ending.exit_code
        details = {**counts, "failing": found.failing}
        if code == 0:
            return rules.done(
                "exit:0", evidence, f"Tests passed ({_said(counts)})" if counts else "Tests passed", details
            )
        if (verdict := rules.signalled(ending, evidence)) is None:
            verdict = self._by_exit(ending, found, evidence, _pytest_at(job) is not None)
        if verdict.reason is Reason.TESTS_FAILED and found.failing:
            # Errors are grouped by this: the test and what it says, not the last line of the log.
            details["error"] = ": ".join(filter(None, (found.failing[0], found.error)))
        return replace(verdict, details=details)

    def _by_exit(self, ending: Ending, found: TestOutput, evidence: Evidence, is_pytest: bool) -> Verdict:
        code = ending.exit_code
        tail = evidence.tail()
        if missing := NO_RUNNER.search(tail):
            return Verdict(
                Reason.INFRA,
                f"{missing[1]} is not installed for this python; install it there",
                "tests:no_runner",
                (rules.cut(missing[0]),),
            )
        last = rules.cut(evidence.last_line())
        if is_pytest and code == 5:
            return Verdict(Reason.EXIT_CODE, "No tests collected: pytest found nothing to run", "pytest:5", (last,))
        if is_pytest and code in PYTEST_EXITS and not (code == 2 and found.counts.get("errors")):
            return Verdict(Reason.EXIT_CODE, rules.cut(f"{PYTEST_EXITS[code]}: {last}"), f"pytest:{code}", (last,))
        if not found.counts and code in rules.NOT_RUNNABLE:
            return rules.failed_exit(ending, evidence)
        said = _said(found.counts) if found.counts else f"exit code {code}"
        first = ": ".join(filter(None, (*found.failing[:1], found.error)))
        sentence = rules.cut(f"Tests failed ({said})" + (f": {first}" if first else ""))
        quoted = (last, first) if first else (last,)
        return Verdict(Reason.TESTS_FAILED, sentence, f"{'pytest' if is_pytest else 'exit'}:{code}", quoted)


def _pytest_at(job: Job) -> int | None:
    """Where pytest's own arguments begin; None if the command does not run pytest."""
    command = job.get("command") or {}
    words = [str(command.get("exe", "")), *(str(word) for word in command.get("args") or ())]
    if PurePath(words[0]).name in ("pytest", "py.test"):
        return 0
    for index, word in enumerate(words[1:], 1):
        if word in ("pytest", "py.test") and words[index - 1] in ("-m", "run"):
            return index
    return None


def _said(counts: Mapping[str, int]) -> str:
    words = [f"{counts[key]} {key}" for key in ("failed", "errors", "passed", "skipped") if counts.get(key)]
    return ", ".join(words) or "none ran"


def run_tests_job(job: Job) -> JobResult:
    return TestsAdapter().run_job(job)
