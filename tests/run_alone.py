"""At the end of a run with failures: for each failed test the command that runs it alone."""

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

# `python -m tests` finds these; without them a test with the marker would be skipped or would look elsewhere.
NEEDS = {
    "aider": "ENGINE_TEST_AIDER",
    "browser": "ENGINE_TEST_CHROMIUM",
    "postgres": "ENGINE_TEST_POSTGRES",
    "redis": "ENGINE_TEST_REDIS",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [report for outcome in ("failed", "error") for report in terminalreporter.getreports(outcome)]
    seed = config.getoption("randomly_seed", None)
    # A failed test and its failed teardown are two reports.
    commands = dict.fromkeys(
        command(report.nodeid, report.keywords, seed, config.rootpath)
        for report in reports
        if isinstance(report, pytest.TestReport)
    )
    for line in commands:
        terminalreporter.write_line(f"run alone: {line}")


def command(nodeid: str, keywords: Iterable[str], seed: object, root: Path) -> str:
    """A line for a shell in `root`; an integer `seed` gives random data and order as they were."""
    here, python = os.environ, Path(sys.executable)
    settings = variables(keywords, here)
    program = str(python.relative_to(root)) if python.is_relative_to(root) else str(python)
    words = [*settings, program, "-m", "pytest", nodeid]
    if isinstance(seed, int):
        words.append(f"--randomly-seed={seed}")
    return " ".join(map(quoted, words))


def variables(keywords: Iterable[str], here: Mapping[str, str]) -> list[str]:
    names = ["DATABASE_URL", *(NEEDS[word] for word in sorted(set(keywords) & NEEDS.keys()))]
    return [f"{name}={here[name]}" for name in names if here.get(name)]


def quoted(word: str) -> str:
    """`NAME=value` keeps its name outside of the quotes: inside, a shell would take it for a program."""
    name, equals, value = word.partition("=")
    return f"{name}={shlex.quote(value)}" if equals and name.isidentifier() else shlex.quote(word)
