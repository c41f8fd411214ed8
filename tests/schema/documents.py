"""Documents for the tests of this floor."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, settings

from schema import Problem, check
from tests.reference import BLOCKS

# No time limit for one example: a busy machine is not a defect.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TOOLS = ("aider", "claude", "codex", "copilot", "gemini", "git", "opencode", "shell", "tests")

REFERENCE = BLOCKS["Job File Format"]


def job(**changes: Any) -> dict[str, Any]:
    """The reference's job with other values: `job(metadata__priority="low")`; None takes a key away."""
    document = copy.deepcopy(json.loads(REFERENCE))
    for name, value in changes.items():
        *way, last = name.split("__")
        place = document
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return document


def problems(**changes: Any) -> dict[str, Problem]:
    """What is wrong with that job, by pointer; a pointer has one problem at most."""
    found = check(job(**changes), tools=TOOLS).problems
    by_pointer = {problem.pointer: problem for problem in found}
    assert len(by_pointer) == len(found), found
    return by_pointer


def only(**changes: Any) -> Problem:
    (problem,) = problems(**changes).values()
    return problem


def warnings(**changes: Any) -> list[Problem]:
    report = check(job(**changes), tools=TOOLS)
    assert report.ok, report.problems
    return report.warnings
