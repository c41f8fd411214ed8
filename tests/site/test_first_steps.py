"""What a start prints at its end works when it is pasted, and the README's first job is a job."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import schema
from engine_site import first_steps
from tests.live import ENGINE, ROOT


def started(home: Path, *words: str) -> "subprocess.Popen[str]":
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINE_", "DATABASE_"))}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(home),
        "ENGINE_ROOTS": str(home),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": "python3",
        "ENGINE_STOP_GRACE_S": "1",
        "ENGINE_NODE": home.name,
    }
    command = [sys.executable, "-c", ENGINE, "up", "--port", str(port), *words]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def lines_to_paste(site: "subprocess.Popen[str]") -> list[str]:
    assert site.stdout is not None
    lines, pasted = [], False
    while "Ctrl-C stops it" not in (line := site.stdout.readline()):
        assert line, "it ended by itself"
        if pasted and line.startswith("  "):
            lines.append(line.strip())
        pasted = pasted or line.startswith("In another terminal")
    return lines


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize("words", [("--demo",), ()], ids=["demo", "up"])
def test_every_line_works_when_it_is_pasted(tmp_path: Path, words: tuple[str, ...]) -> None:
    site = started(tmp_path, *words)
    try:
        lines = lines_to_paste(site)
        assert len(lines) == 3
        for line in lines:
            if "createsuperuser" in line:
                line = f"DJANGO_SUPERUSER_PASSWORD=x {line} --no-input --username ada --email a@b.invalid"
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINE_", "DJANGO_"))}
            done = subprocess.run(line, shell=True, cwd=ROOT, env=kept, text=True, capture_output=True, timeout=120)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            if "curl" in line:
                assert json.loads(done.stdout)["items"]
    finally:
        site.send_signal(signal.SIGINT)
        site.wait(40)
        assert site.stdout is not None
        site.stdout.close()


def test_the_command_is_named_as_another_terminal_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(ROOT)
    named = first_steps.command()
    assert (ROOT / named).resolve() == (Path(sys.executable).parent / "engine").resolve()


def test_variables_that_choose_the_database_are_written_before_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_DATA_DIR", "/srv/my data")
    monkeypatch.delenv("PIPELINE_DB_PATH", raising=False)
    assert shlex.split(first_steps.prefix()) == ["ENGINE_DATA_DIR=/srv/my data"]


def test_the_readmes_first_job_takes_ten_lines_and_is_valid() -> None:
    readme = (ROOT / "README.md").read_text()
    block = readme.partition("## Your first own job")[2].partition("```sh\n")[2].partition("```")[0]
    before, _, rest = block.partition("<<'END'\n")
    text, _, after = rest.partition("END\n")
    assert len(before.splitlines()) + len(after.splitlines()) == 10
    report = schema.check(json.loads(text), tools=sorted(schema.examples()))
    assert not report.problems
    assert json.loads(text)["env"] == {"OPENAI_API_KEY": {"secret": "OPENAI_API_KEY"}}
