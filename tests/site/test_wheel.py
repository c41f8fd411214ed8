"""The built wheel, installed into an environment of its own, outside of the checkout."""

import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reference import ROOT

DOCUMENT = {"job_id": "job-1", "run_id": "run-1", "workstream_id": "ws-1"}
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
    document = {**DOCUMENT, "tool": "git", "command": {"exe": "git", "args": ["rev-parse", "--is-inside-work-tree"]}}
    (tmp_path / "job.json").write_text(json.dumps(document))
    command = (installed, "-m", "engine.orchestrator", "run-job", "--job-file", "job.json")
    assert call(*command, cwd=tmp_path, ENGINE_DATA_DIR=str(installed.parents[2] / "data")) == "true\n"


def test_a_site_from_the_wheel_serves_pages_and_runs_a_job_from_an_empty_directory(
    installed: Path, tmp_path: Path
) -> None:
    engine = installed.with_name("engine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "ENGINE_EXECUTABLES": "true",
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_STOP_GRACE_S": "1",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings}
    work = tmp_path / "work"
    work.mkdir()
    with (tmp_path / "output").open("w+") as output:
        site = subprocess.Popen(
            [engine, "up", "--port", str(port)], cwd=work, env=environment, stdout=output, stderr=output
        )
        try:
            page = eventually(lambda: fetch(f"http://127.0.0.1:{port}/login"), site, tmp_path / "output")
            (style,) = re.findall(r'href="(/static/engine\.[0-9a-f]+\.css)"', page)
            assert "@layer" in fetch(f"http://127.0.0.1:{port}{style}")
            job = work / "job.json"
            job.write_text(json.dumps({**DOCUMENT, "tool": "shell", "command": {"exe": "true", "args": []}}))
            assert "completed" in call(engine, "submit", job, "--wait", cwd=work, **{**settings, "HOME": str(tmp_path)})
        finally:
            site.terminate()
            assert site.wait(60) == 0
    assert (tmp_path / "data" / "engine" / "engine.db").is_file()
    assert list(work.iterdir()) == [job]


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(answer.read().decode())


def eventually(look: Callable[[], str], process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + 90
    while True:
        try:
            return look()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
