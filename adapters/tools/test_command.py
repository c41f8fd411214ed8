"""Test commands: pytest, and whatever else a project calls its checks with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree as ET

from adapters import rules
from adapters.base import Draft, Field, Job, JobResult, ToolAdapter
from adapters.evidence import Evidence
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.verdict import Reason, Verdict

JUNIT = "junit.xml"
MOST_NAMES = 50
SUMMARY = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)\b")
LAST_LINE = re.compile(r"=*\s*\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed)\b.* in [\d.]+s")
UNITTEST = re.compile(r"FAILED \(([a-z= 0-9,]+)\)")
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
            draft.args.insert(at, f"--junitxml={draft.attempt_dir / JUNIT}")

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        words = shlex.split(values["command"])
        return {"exe": words[0] if words else "", "args": words[1:]}

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        counts, failing = _from_junit(evidence.file(JUNIT))
        if not counts:
            counts = _from_text(evidence.tail())
        details = {**counts, "failing": failing}
        code = ending.exit_code
        if code == 0:
            return rules.done(
                "exit:0", evidence, f"Tests passed ({_said(counts)})" if counts else "Tests passed", details
            )
        if (verdict := rules.signalled(ending) or rules.not_runnable(ending)) is None:
            verdict = self._by_exit(code, counts, evidence, _pytest_at(job) is not None)
        return replace(verdict, details=details)

    def _by_exit(self, code: int | None, counts: dict[str, int], evidence: Evidence, is_pytest: bool) -> Verdict:
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
        if is_pytest and code in PYTEST_EXITS and not (code == 2 and counts.get("errors")):
            return Verdict(Reason.EXIT_CODE, rules.cut(f"{PYTEST_EXITS[code]}: {last}"), f"pytest:{code}", (last,))
        said = _said(counts) if counts else f"exit code {code}"
        return Verdict(
            Reason.TESTS_FAILED, f"Tests failed ({said})", f"{'pytest' if is_pytest else 'exit'}:{code}", (last,)
        )


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


def _from_junit(content: bytes) -> tuple[dict[str, int], list[str]]:
    # The file is the tests' own word: an entity bomb in it must not reach the parser.
    if not content or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return {}, []
    try:
        root = ET.fromstring(content)  # noqa: S314 - entities are refused above
    except ET.ParseError:
        return {}, []
    counts = {"tests": 0, "failed": 0, "errors": 0, "skipped": 0}
    failing: list[str] = []
    for case in root.iter("testcase"):
        counts["tests"] += 1
        kinds = {child.tag for child in case}
        for tag, key in (("failure", "failed"), ("error", "errors"), ("skipped", "skipped")):
            counts[key] += tag in kinds
        if kinds & {"failure", "error"} and len(failing) < MOST_NAMES:
            failing.append("::".join(filter(None, (case.get("classname"), case.get("name")))))
    counts["passed"] = counts["tests"] - counts["failed"] - counts["errors"] - counts["skipped"]
    return counts, failing


def _from_text(tail: str) -> dict[str, int]:
    for line in reversed(tail.splitlines()):
        if LAST_LINE.match(line):
            return {{"error": "errors"}.get(word, word): int(number) for number, word in SUMMARY.findall(line)}
        if found := UNITTEST.search(line):
            pairs = (part.split("=") for part in found[1].replace(" ", "").split(",") if "=" in part)
            return {{"failures": "failed"}.get(name, name): int(number) for name, number in pairs}
    return {}


def _said(counts: Mapping[str, int]) -> str:
    words = [f"{counts[key]} {key}" for key in ("failed", "errors", "passed", "skipped") if counts.get(key)]
    return ", ".join(words) or "none ran"


def run_tests_job(job: Job) -> JobResult:
    return TestsAdapter().run_job(job)
