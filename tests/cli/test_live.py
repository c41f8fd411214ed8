"""The command in a real terminal, against a real server with a real cluster."""

import json
import sys
from collections.abc import Iterator

import pexpect
import pytest

from schema.client import Client, EngineError
from tests.factories_plain import document
from tests.live import ROOT, Live, live

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
SLOW = "import time\nfor n in range(4):\n    print('step', n, flush=True)\n    time.sleep(0.3)\nraise SystemExit(7)"


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live(cluster=True, ENGINE_ALLOW_SHELL="1", ENGINE_EXECUTABLES="*") as found:
        yield found


def terminal(server: Live, *words: str, remote: bool) -> "pexpect.spawn[str]":
    there = {"ENGINE_URL": server.url, "ENGINE_TOKEN": server.token} if remote else {}
    code = "from engine_site.cli import main; main()"
    return pexpect.spawn(
        sys.executable,
        ["-c", code, *words],
        cwd=str(ROOT),
        encoding="utf-8",
        timeout=60,
        env={**server.env, **there, "TERM": "xterm", "COLUMNS": "120"},
    )  # type: ignore[arg-type]


def write(server: Live, job_id: str, script: str) -> str:
    path = server.data / f"{job_id}.json"
    path.write_text(json.dumps(document(server.repository, job_id, ["-c", script])))
    return str(path)


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_submit_and_follow_shows_the_log_as_it_comes_and_ends_with_the_tools_code(server: Live, remote: bool) -> None:
    name = f"follow-{remote}"
    session = terminal(server, "submit", write(server, name, SLOW), "--follow", remote=remote)
    for line in ("step 0", "step 1", "step 2", "step 3", f"{name}.*failed", "exit code 7"):
        session.expect(line)
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 7


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_job_is_cancelled_from_another_terminal(server: Live, remote: bool) -> None:
    name = f"cancel-{remote}"
    waiting = terminal(server, "submit", write(server, name, "import time; time.sleep(60)"), "--wait", remote=remote)
    waiting.expect("queued|running")  # an idle worker may have begun before the answer was written
    cancelling = terminal(server, "cancel", name, remote=remote)
    cancelling.expect(f"{name}.* is cancel")
    waiting.expect("cancelled")
    waiting.expect(pexpect.EOF)
    waiting.close()
    cancelling.close()
    assert waiting.exitstatus == 130


def test_the_program_client_follows_waits_and_iterates(server: Live) -> None:
    with Client(server.url, server.token) as engine:
        job = engine.submit(document(server.repository, "client", ["-c", "print('one'); print('two')"]))
        lines = [
            line["text"]
            for message in engine.follow(job["job_id"])
            if message.event == "lines"
            for line in message.data["lines"]
        ]
        assert lines == ["one", "two"]
        assert engine.wait("client", timeout=20)["status"] == "completed"
        assert "client" in [row["job_id"] for row in engine.jobs(status="completed")]
        assert engine.log("client") == b"one\ntwo\n"
        assert engine.bulk("cancel", job_ids=["client", "none"], dry_run=True)["refused"] == 2
        with pytest.raises(EngineError, match="Job nonesuch not found") as refusal:
            engine.job("nonesuch")
        assert (refusal.value.code, refusal.value.exit_code) == ("not_found", 66)
        first = next(iter(engine.follow_events(after=0)))
        assert first.data["id"] == int(first.id)


def test_the_shell_completion_knows_the_commands(server: Live) -> None:
    done = server.engine("--show-completion", "bash")
    assert done.returncode == 0
    assert "_ENGINE_COMPLETE" in done.stdout or "complete" in done.stdout
