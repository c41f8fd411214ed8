"""The Quick Reference's own text runs: each snippet as it was published, each command in a process of its own."""

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import engine
import schema
from engine import adapters as tools
from engine.adapters.aider_adapter import run_aider_job
from engine.interfaces import Adapter, AdapterInterface
from engine.orchestrator import orchestrator
from engine.types import JobResult
from tests.reference import BLOCKS, ROOT, TEXT, Workspace, make_workspace, powershell_variables, without_powershell

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOOLS = ["aider", "codex", "claude", "gemini", "opencode", "tests", "git", "shell"]


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


def query(database: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def test_the_text_is_the_published_one() -> None:
    """A formatter or an editor that changes it would make the other tests prove less."""
    assert sha256(TEXT.encode()).hexdigest() == "7b11e17013983f02334066d3358b49832f63cdef32fe461d69cb636c3636ba00"


def test_every_snippet_is_used_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert len(BLOCKS) == 16
    assert not [heading for heading in BLOCKS if f'"{heading}"' not in source]


def test_the_two_commands_run_their_jobs(space: Workspace) -> None:
    done = space.shell(BLOCKS["Execute a Job"])
    assert done.returncode == 0, done.stderr
    jobs = query(space.database, "SELECT job_id, status FROM jobs ORDER BY id")
    assert [(row["job_id"], row["status"]) for row in jobs] == [
        ("job-of-path", "completed"),
        ("job-2025-11-21-001", "completed"),
    ]
    line = "OLLAMA_API_BASE is http://127.0.0.1:11434\n"
    assert done.stdout == 2 * line
    assert (space.repo / "logs" / "job.log").read_text() == line


def test_the_command_needs_neither_a_checkout_nor_a_pythonpath_around_it(space: Workspace, tmp_path: Path) -> None:
    done = space.run("python", "-m", "engine.orchestrator", "run-job", "--job-file", "x", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (66, "Cannot read the job file x: No such file or directory.\n")


@pytest.mark.parametrize("name", ["adapters", "engine", "jobs", "schema"])
def test_a_directory_with_the_name_of_a_package_does_not_hide_it(space: Workspace, tmp_path: Path, name: str) -> None:
    """As `schema/jobs`, the job files of the reference, in a repository where the command is run."""
    (tmp_path / name).mkdir()
    done = space.run("python", "-m", "engine.orchestrator", "run-job", "--job-file", "x", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (66, "Cannot read the job file x: No such file or directory.\n")


def test_the_command_explains_itself(space: Workspace) -> None:
    done = space.run("python", "-m", "engine.orchestrator", "run-job", "--help")
    assert (
        done.returncode == 0 and "python -m engine.orchestrator run-job" in done.stdout and "--job-file" in done.stdout
    )
    assert space.run("python", "-m", "engine.orchestrator").returncode == 2


def test_a_failed_job_ends_the_command_with_the_exit_code_of_its_tool(space: Workspace) -> None:
    (space.home / "bin" / "aider").write_text("#!/bin/sh\nexit 3\n")
    path = space.repo / "path/to/job.json"
    path.write_text(path.read_text().replace("escalate_to_codex", "none"))
    done = space.run("python", "-m", "engine.orchestrator", "run-job", "--job-file", "path/to/job.json")
    assert done.returncode == 3 and done.stderr.startswith("failed: ")
    assert json.loads((space.repo / "logs" / "job.error.json").read_text())["exit_code"] == 3


def test_the_job_file_is_valid_and_is_the_example_for_aider() -> None:
    text = BLOCKS["Job File Format"]
    document, problems = schema.parse(text)
    assert not problems
    assert schema.check(document, tools=TOOLS, source=text).as_dict() == {"ok": True, "problems": [], "warnings": []}
    assert schema.example_texts()["aider"] == text


def test_the_state_store_keeps_runs_and_results_and_both_queries_find_them(space: Workspace) -> None:
    snippets = BLOCKS["Basic Operations"] + BLOCKS["Job Tracking"] + BLOCKS["List Jobs"]
    printed = space.python(snippets + "\nprint(status, [row['run_id'] == run_id for row in recent])\nprint(run_id)")
    assert printed[:-1] == ["pending", "job-001: completed", "completed [True]"]
    by_job, by_run = [sql for sql in BLOCKS["Querying Jobs"].split("\n\n") if sql.strip()]
    (row,) = query(space.database, by_job)
    assert (row["step_name"], row["status"], row["ws_id"]) == ("aider", "completed", "ws-my-feature")
    assert json.loads(row["result_json"]).items() >= {"job_id": "job-001", "exit_code": 0, "duration_s": 45.2}.items()
    assert query(space.database, by_run.replace("run-2025-11-21", printed[-1])) == [row]


def test_the_orchestrator_runs_a_file_and_both_queries_find_its_job(space: Workspace) -> None:
    printed = space.python(BLOCKS["Basic Usage"] + BLOCKS["Custom State Store"] + "\nprint(result.status)")
    assert printed[0] == "Exit code: 0" and printed[1] == "Success: True"
    assert re.fullmatch(r"Duration: \d+\.\d+s", printed[2])
    assert printed[3:] == ["completed"]
    _, by_run = [sql for sql in BLOCKS["Querying Jobs"].split("\n\n") if sql.strip()]
    own = space.repo / "state" / "test.db"
    assert [json.loads(row["result_json"])["job_id"] for row in query(own, by_run)] == ["job-of-test"]
    assert [json.loads(row["result_json"])["job_id"] for row in query(space.database, by_run)] == ["job-of-path"]


def test_the_variables_choose_the_database_and_the_model_server(space: Workspace) -> None:
    path = space.repo / "path/to/job.json"
    document = json.loads(path.read_text())
    del document["env"]
    path.write_text(json.dumps(document))
    variables = powershell_variables("Optional")
    assert sorted(variables) == ["OLLAMA_API_BASE", "PIPELINE_DB_PATH"]
    done = space.shell("python -m engine.orchestrator run-job --job-file path/to/job.json", **variables)
    assert done.stdout == f"OLLAMA_API_BASE is {variables['OLLAMA_API_BASE']}\n", done.stderr
    assert query(space.repo / "custom/path/pipeline.db", "SELECT status FROM jobs") == [{"status": "completed"}]
    assert not space.database.exists()


def test_the_setup_for_bash_works_at_the_root_of_the_repository(space: Workspace) -> None:
    script = without_powershell("Required") + "\npython -m engine.orchestrator --help"
    done = space.run("bash", "-euc", script, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Python 3\.(1[2-9]|[2-9]\d)\.", done.stdout)
    assert sys.version_info >= (3, 12)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_has_its_adapter_module_and_its_runner(tool: str) -> None:
    module = import_module(f"engine.adapters.{tool}_adapter")
    adapter = getattr(module, f"{tool.title()}Adapter")()
    assert orchestrator.TOOL_RUNNERS[tool] is getattr(module, f"run_{tool}_job")
    assert isinstance(adapter, AdapterInterface) and isinstance(adapter, Adapter)
    assert adapter.get_tool_info()["tool"] == tool
    assert adapter.validate_job(schema.examples()[tool])
    assert not adapter.validate_job({**schema.examples()[tool], "tool": "another"})


@pytest.fixture
def mytool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The template as a module beside the other adapters; what it leaves out (`...`) is filled in from outside."""
    (tmp_path / "mytool_adapter.py").write_text(BLOCKS["Adapter Template"])
    monkeypatch.setattr(tools, "__path__", [*tools.__path__, str(tmp_path)])
    module: Any = import_module("engine.adapters.mytool_adapter")
    module.subprocess = SimpleNamespace(run=lambda command: SimpleNamespace(returncode=0))
    module.duration = 0.5
    module.MyToolAdapter._build_command = lambda self, job: job["command"]
    yield module
    del sys.modules["engine.adapters.mytool_adapter"]
    del tools.mytool_adapter  # type: ignore[attr-defined]


def test_an_adapter_from_the_template_runs_and_keeps_the_interface(mytool: ModuleType) -> None:
    names = {"job_dict": {**json.loads(BLOCKS["Job File Format"]), "tool": "mytool"}}
    exec(BLOCKS["Test an Adapter"], names)
    result, adapter = names["result"], names["adapter"]
    assert result == JobResult(exit_code=0, error_report_path="logs/job.error.json", duration_s=0.5, success=True)
    assert isinstance(adapter, AdapterInterface) and not isinstance(adapter, Adapter)
    assert adapter.validate_job(names["job_dict"]) and not adapter.validate_job({"tool": "aider"})
    assert adapter.get_tool_info() == {"tool": "mytool", "capabilities": ["capability1", "capability2"]}


def test_the_table_of_runners_reads_as_in_the_reference(mytool: ModuleType) -> None:
    names: dict[str, Any] = {"run_aider_job": run_aider_job}
    exec(BLOCKS["Register Adapter"], names)
    runners = names["TOOL_RUNNERS"]
    assert runners["aider"] is orchestrator.TOOL_RUNNERS["aider"]
    assert runners["mytool"](json.loads(BLOCKS["Job File Format"])).success


def test_the_tables_have_the_names_and_columns_of_the_reference(space: Workspace) -> None:
    space.python("from engine.state_store.job_state_store import JobStateStore\nJobStateStore()")
    tables = {row["name"] for row in query(space.database, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    section = TEXT.partition("### Tables Used\n")[2].partition("###")[0]
    named = set(re.findall(r"^- \*\*(\w+)\*\*: ", section, re.MULTILINE))
    assert named == {"runs", "workstreams", "step_attempts", "events", "errors"}
    assert named <= tables
    columns = {row["name"] for row in query(space.database, "PRAGMA table_info(step_attempts)")}
    assert {"run_id", "ws_id", "step_name", "status", "started_at", "completed_at", "result_json"} <= columns


def test_the_files_are_where_the_reference_has_them() -> None:
    parents: list[str] = []
    found: dict[str, list[str]] = {}
    for line in BLOCKS["File Structure"].splitlines():
        match = re.match(r"([│├└─ ]*)([\w.]+/?)", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]] if match[1] else [line.split()[0]]
            found.setdefault(parents[0], []).append("".join(parents[1:]))
    assert sorted(found) == ["engine/", "schema/jobs/", "scripts/"]
    package = Path(str(engine.__file__)).parent
    assert len(found["engine/"]) == 10 and not [name for name in found["engine/"] if not (package / name).exists()]
    assert not [name for name in found["schema/jobs/"] if not (ROOT / "schema/jobs" / name).exists()]


def test_the_readme_names_the_two_scripts_that_have_other_names_and_nothing_else() -> None:
    old = [f"`{BLOCKS[name].splitlines()[-1]}`" for name in ("Validate Engine", "Test State Store")]
    table = README.partition("| Quick Reference | Engine |\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[1:]]
    assert rows == [[old[0], "`engine validate`"], [old[1], "`make test`"]]
