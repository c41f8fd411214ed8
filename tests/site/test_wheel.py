"""The built wheel, installed into an environment of its own, outside of the checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.reference import ROOT

pytestmark = pytest.mark.slow
IMPORTS = """
from engine.adapters.aider_adapter import AiderAdapter, run_aider_job
from engine.interfaces import AdapterInterface
from engine.orchestrator.orchestrator import TOOL_RUNNERS, Orchestrator
from engine.state_store.job_state_store import JobStateStore
from engine.types import JobResult
import adapters, engine, engine_site, jobs, schema
assert TOOL_RUNNERS["aider"] is run_aider_job
assert isinstance(AiderAdapter(), AdapterInterface)
for module in (adapters, engine, engine_site, jobs, schema):
    print(module.__file__)
"""


def call(*command: str | Path, cwd: Path, **environment: str) -> str:
    """The standard output. No DJANGO_SETTINGS_MODULE and no PYTHONPATH is inherited."""
    plain = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(command, cwd=cwd, env=plain | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path, cwd: Path) -> None:
    call(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel; only the dependencies come from the one that runs the tests."""
    home = tmp_path_factory.mktemp("wheel")
    source, wheels, environment = home / "source", home / "wheels", home / "environment"
    source.mkdir()
    # A build in the checkout would leave files there, and would find those that an earlier build left.
    files = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, files):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source, cwd=home)
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip("--python", python, "install", "--no-index", "--no-deps", *wheels.glob("*.whl"), cwd=home)
    (site_packages,) = environment.glob("lib/python3*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_every_import_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    printed = call(installed, "-c", IMPORTS, cwd=tmp_path, ENGINE_DATA_DIR=str(tmp_path)).split()
    assert len(printed) == 5
    assert not [path for path in printed if not Path(path).is_relative_to(installed.parents[1])]


def test_the_orchestrator_runs_a_job_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    call("git", "init", "--quiet", cwd=tmp_path)
    document = {
        "job_id": "job-1",
        "run_id": "run-1",
        "workstream_id": "ws-1",
        "tool": "git",
        "command": {"exe": "git", "args": ["rev-parse", "--is-inside-work-tree"]},
    }
    (tmp_path / "job.json").write_text(json.dumps(document))
    command = (installed, "-m", "engine.orchestrator", "run-job", "--job-file", "job.json")
    assert call(*command, cwd=tmp_path, ENGINE_DATA_DIR=str(tmp_path / "data")) == "true\n"
