"""docs/adding-an-adapter.md, followed word for word."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import adapters
from adapters import Reason, registry
from tests.adapters.bench import Bench

PAGE = (Path(__file__).parents[2] / "docs/adding-an-adapter.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
SILENT = {"RUFF_NO_CACHE": "true"}


def block(kind: str, begins: str = "") -> str:
    found = [text for language, text in BLOCKS if language == kind and text.startswith(begins)]
    assert len(found) == 1, f"{kind} {begins!r}: {len(found)} blocks"
    return str(found[0])


@pytest.fixture
def ruff(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The page's package, installed as far as a test goes, and a stand-in for ruff itself."""
    (bench.root / "engine_ruff.py").write_text(block("python", "# file: engine_ruff.py"))
    monkeypatch.syspath_prepend(str(bench.root))
    declared = tomllib.loads(block("toml"))["project"]["entry-points"][registry.GROUP]
    points = [EntryPoint(name, value, registry.GROUP) for name, value in declared.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    monkeypatch.setattr(registry, "TOOL_RUNNERS", dict(registry.TOOL_RUNNERS))
    registry.reload()
    yield bench
    registry.reload()
    sys.modules.pop("engine_ruff", None)


def test_the_page_makes_a_tool_that_is_registered(ruff: Bench) -> None:
    adapter = adapters.get("ruff")
    assert isinstance(adapter, adapters.Adapter)
    assert adapter.get_tool_info()["capabilities"] == ["check", "counts"]
    assert adapter.form_to_command({"paths": "a.py 'b c.py'"})["args"] == ["check", "a.py", "b c.py"]


def test_the_page_tells_findings_from_other_failures(ruff: Bench) -> None:
    assert ruff.judged("ruff", "a.py:1:1: F401\nFound 2 errors.\n", 1).details == {"errors": 2}
    assert ruff.judged("ruff", "a.py:1:1: F401\nFound 1 error.\n", 1).reason is Reason.TESTS_FAILED
    assert ruff.judged("ruff", "error: unexpected argument\n", 2).reason is Reason.EXIT_CODE
    assert ruff.judged("ruff", "All checks passed!\n").reason is Reason.OK


def test_the_page_runs_its_job(
    ruff: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ruff.stand_in("ruff", "a.py:1:1: F401 unused\nFound 1 error.\n", 1)
    monkeypatch.chdir(ruff.repo)
    monkeypatch.setenv("PATH", str(ruff.bin), prepend=":")
    Path("job.json").write_text(block("json"))
    exec(compile(block("python", "# try it"), "page", "exec"), {})
    assert capsys.readouterr().out == "failed tests_failed Found 1 error\n"
    assert ruff.argv() == ["check", ".", "--output-format=concise"]
    assert ruff.env().items() >= SILENT.items()
    assert json.loads(Path("logs/lint.error.json").read_text())["details"]["errors"] == 1


def test_the_registry_line_has_the_shape_of_the_others() -> None:
    line = block("python", "# line: adapters/registry.py")
    (call, name), source = ast.parse(line).body[0].value.elts[0].elts, Path(registry.__file__).read_text()  # type: ignore[attr-defined]
    assert (call.func.id, name.id) == ("RuffAdapter", "run_ruff_job")
    assert "    (GitAdapter(), run_git_job),\n" in source


def test_every_word_of_the_page_is_one_of_the_code() -> None:
    for word in re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE):
        assert hasattr(adapters.ToolAdapter, word), word
    for file in re.findall(r"`((?:adapters|tests)/[\w/]+\.py)`", PAGE):
        assert (Path(__file__).parents[2] / file).is_file(), file
