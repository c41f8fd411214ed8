"""What test runners print: how many tests ran and failed, which, and what the first of them says.

pytest, unittest, jest, vitest, go test, cargo test and TAP. A JUnit file, where a runner writes one, is better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from adapters.text import cut

MOST_NAMES = 50
COUNTED = r"passed|failed|errors?|skipped|xfailed|xpassed|deselected"
PYTEST_LAST = re.compile(rf"=*\s*\d+ (?:{COUNTED})\b.* in [\d.]+s")
PYTEST_COUNT = re.compile(rf"(\d+) ({COUNTED})\b")
PYTEST_FAILING = re.compile(r"(?:FAILED|ERROR) (\S+::.+?)(?: - (.*))?$")
UNITTEST_RAN = re.compile(r"Ran (\d+) tests? in [\d.]+s")
UNITTEST_END = re.compile(r"(?:OK|FAILED)(?: \(([a-z= 0-9,]+)\))?$")
UNITTEST_FAILING = re.compile(r"(?:FAIL|ERROR): (\S+)(?: \((\S+)\))?$")
RAISED = re.compile(r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Failure|Warning|Exit|Interrupt)\b).*")
JEST_END = re.compile(r"Tests:\s+(.*\d+ total)")
VITEST_END = re.compile(r"\s*Tests\s+(\d+ (?:passed|failed|skipped).*)\(\d+\)")
JEST_COUNT = re.compile(r"(\d+) (failed|passed|skipped|todo)")
JEST_FAILING = re.compile(r"\s*● (.+ › .+)|\s*FAIL\s+(\S+ > .+)")
GO_TEST = re.compile(r"\s*--- (FAIL|PASS|SKIP): (\S+) \([\d.]+s\)")
CARGO_END = re.compile(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
CARGO_FAILING = re.compile(r"test (\S+) \.\.\. FAILED")
CARGO_PANIC = re.compile(r"thread '([^']+)'.* panicked at")
TAP_PLAN = re.compile(r"TAP version \d+|1\.\.\d+")
TAP_TEST = re.compile(r"\s*(not ok|ok) \d+(?: -)? ?(.*)")


@dataclass
class TestOutput:
    """`failing` are names, at most MOST_NAMES; `error` is what the first of them says."""

    __test__ = False  # not a test class, whatever its name

    counts: dict[str, int] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    error: str = ""

    def add(self, key: str, number: int = 1) -> None:
        self.counts[key] = self.counts.get(key, 0) + number

    def fail(self, name: str, error: str = "") -> None:
        if name not in self.failing and len(self.failing) < MOST_NAMES:
            self.failing.append(name)
        if self.failing and name == self.failing[0] and not self.error:
            self.error = cut(error)


def of_text(text: str) -> TestOutput:
    """The first format that counts anything; an empty result if none does."""
    lines = text.splitlines()
    return next((found for read in FORMATS if (found := read(lines)).counts), TestOutput())


def of_junit(content: bytes) -> TestOutput:
    # The file is the tests' own word: an entity bomb in it must not reach the parser.
    if not content or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return TestOutput()
    try:
        root = ET.fromstring(content)  # noqa: S314 - entities are refused above
    except ET.ParseError:
        return TestOutput()
    found = TestOutput({"tests": 0, "failed": 0, "errors": 0, "skipped": 0})
    for case in root.iter("testcase"):
        found.add("tests")
        kinds = {child.tag: child for child in case}
        for tag, key in (("failure", "failed"), ("error", "errors"), ("skipped", "skipped")):
            found.add(key, tag in kinds)
        wrong = kinds.get("failure", kinds.get("error"))
        if wrong is not None:
            name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
            found.fail(name, (wrong.get("message") or wrong.text or "").strip())
    counts = found.counts
    counts["passed"] = counts["tests"] - counts["failed"] - counts["errors"] - counts["skipped"]
    return found


def _pytest(lines: Sequence[str]) -> TestOutput:
    found = TestOutput()
    last = next((line for line in reversed(lines) if PYTEST_LAST.match(line)), "")
    for number, word in PYTEST_COUNT.findall(last):
        found.counts[{"error": "errors"}.get(word, word)] = int(number)
    for line in lines if last else ():
        if name := PYTEST_FAILING.match(line):
            found.fail(name[1], name[2] or "")
    return found


def _unittest(lines: Sequence[str]) -> TestOutput:
    found, ran = TestOutput(), None
    for at, line in enumerate(lines):
        if UNITTEST_RAN.fullmatch(line):
            ran = int(line.split()[1])
        elif (end := UNITTEST_END.match(line)) and (ran is not None or end[1]):
            for name, _, number in (part.partition("=") for part in (end[1] or "").replace(" ", "").split(",") if part):
                found.counts[{"failures": "failed"}.get(name, name)] = int(number or 0)
        elif (
            (name := UNITTEST_FAILING.fullmatch(line)) and lines[at + 1 : at + 2] and lines[at + 1].startswith("-----")
        ):
            shown = name[2] if name[2] and name[2].endswith(name[1]) else ".".join(filter(None, (name[2], name[1])))
            found.fail(shown, _first(lines[at + 2 :], lambda one: bool(RAISED.match(one)), "====="))
    if ran is not None:
        wrong = sum(found.counts.get(key, 0) for key in ("failed", "errors", "skipped"))
        found.counts["passed"] = max(0, ran - wrong)
    return found


def _jest(lines: Sequence[str]) -> TestOutput:
    found = TestOutput()
    for at, line in enumerate(lines):
        if end := JEST_END.match(line) or VITEST_END.match(line):
            for number, word in JEST_COUNT.findall(end[1]):
                found.counts[word] = int(number)
        elif name := JEST_FAILING.match(line):
            found.fail((name[1] or name[2]).strip(), _first(lines[at + 1 :], lambda one: bool(one.strip()), ""))
    return found


def _go(lines: Sequence[str]) -> TestOutput:
    found = TestOutput()
    for at, line in enumerate(lines):
        if test := GO_TEST.match(line):
            found.add({"FAIL": "failed", "PASS": "passed", "SKIP": "skipped"}[test[1]])
            if test[1] == "FAIL":
                found.fail(test[2], _first(lines[at + 1 : at + 2], lambda one: one.startswith(" "), ""))
    return found


def _cargo(lines: Sequence[str]) -> TestOutput:
    found = TestOutput()
    panics = {
        name[1]: _first(lines[at + 1 : at + 2], bool, "")
        for at, line in enumerate(lines)
        if (name := CARGO_PANIC.match(line))
    }
    for line in lines:
        if end := CARGO_END.match(line):
            for key, number in zip(("passed", "failed", "skipped"), end.groups(), strict=True):
                found.add(key, int(number))
        elif name := CARGO_FAILING.match(line):
            found.fail(name[1], panics.get(name[1], ""))
    return found


def _tap(lines: Sequence[str]) -> TestOutput:
    found = TestOutput()
    if not any(TAP_PLAN.fullmatch(line.strip()) for line in lines):
        return found
    for line in lines:
        if (test := TAP_TEST.match(line)) is None:
            continue
        name, _, directive = test[2].partition(" # ")
        if directive.upper().startswith(("SKIP", "TODO")):
            found.add("skipped")
        else:
            found.add("passed" if test[1] == "ok" else "failed")
            if test[1] == "not ok":
                found.fail(name.strip() or line.strip())
    return found


def _first(lines: Sequence[str], wanted: Callable[[str], bool], until: str) -> str:
    """The first line that is wanted, before the one that begins with `until`."""
    for line in lines:
        if until and line.startswith(until):
            return ""
        if wanted(line):
            return line.strip()
    return ""


FORMATS = (_pytest, _jest, _cargo, _go, _unittest, _tap)
