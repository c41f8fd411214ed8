"""Errors of the configuration: named with their variable by `manage.py check` and when a process starts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from jobs.checks import TAG

ROOT = Path(__file__).parents[2]
BAD: list[tuple[str, Any, str]] = [
    ("ENGINE_ROOTS", ["/nowhere/at/all"], "engine.E001"),
    ("ENGINE_RLIMITS", {"nofiles": 3}, "engine.E002"),
    ("ENGINE_WATCHDOG_S", 30, "engine.E003"),
    ("ENGINE_RUN_AS", "nobody-of-this-name", "engine.E004"),
    ("ENGINE_TOOL_LIMITS", {"adier": 2}, "engine.W001"),
]
START = [("manage.py", "check"), ("-c", "from engine_site.cli import main; main()", "worker")]


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("ENGINE_", "DJANGO_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, *command], env={**kept, **variables}, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_configuration_of_the_tests_is_sound() -> None:
    assert run_checks(tags=[TAG]) == []


@pytest.mark.parametrize(("name", "value", "number"), BAD)
def test_a_value_that_does_not_fit_has_an_id_and_a_way_out(settings: Any, name: str, value: Any, number: str) -> None:
    setattr(settings, name, value)
    (found,) = run_checks(tags=[TAG])
    assert found.id == number
    assert name in found.msg
    assert found.hint


@pytest.mark.parametrize("command", START)
def test_a_root_that_does_not_exist_stops_the_process_with_its_name(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = run(*command, ENGINE_ROOTS=str(tmp_path / "gone"), ENGINE_DATA_DIR=str(tmp_path / "data"))
    assert ended.returncode != 0
    assert "engine.E001" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", START)
def test_a_value_that_cannot_be_read_is_one_sentence(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = run(*command, ENGINE_TOOL_LIMITS="aider", ENGINE_DATA_DIR=str(tmp_path / "data"))
    assert ended.returncode != 0
    assert "ENGINE_TOOL_LIMITS has 'aider'" in ended.stderr
    assert ended.stderr.count("\n") == 1
