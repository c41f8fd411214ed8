"""The command that is shown for a failed test runs that test as it was run."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.run_alone import command

ROOT = Path("/somewhere/else")
PYTHON = shlex.quote(sys.executable)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "ENGINE_TEST_REDIS"):
        monkeypatch.delenv(name, raising=False)


def test_it_names_the_test_and_the_seed() -> None:
    line = command("tests/test_a.py::test_b[q=a b]", [], 17, ROOT)
    assert line == f"{PYTHON} -m pytest 'tests/test_a.py::test_b[q=a b]' --randomly-seed=17"


def test_a_python_inside_the_checkout_is_named_from_there() -> None:
    root = Path(sys.executable).parents[2]
    assert command("a", [], 1, root).startswith(str(Path(sys.executable).relative_to(root)))


def test_it_names_the_database_and_the_servers_that_the_test_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c?d=e")
    monkeypatch.setenv("ENGINE_TEST_REDIS", "redis://here")
    names = "DATABASE_URL='postgresql://a@b/c?d=e' "
    assert command("a", [], 1, ROOT).startswith(names + PYTHON)
    assert command("a", ["redis"], 1, ROOT).startswith(f"{names}ENGINE_TEST_REDIS=redis://here {PYTHON}")
