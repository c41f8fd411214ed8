"""A server of one's own: a data directory, a database, a port and a user, gone at the end."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_S = 90
ENGINE = "from engine_site.cli import main; main()"
USER, PASSWORD = "root", "only for this server"
MAKE_USER = f"""
from django.contrib.auth.models import Group, User
from jobs.services.accounts import tokens
user = User.objects.create_superuser({USER!r}, "", {PASSWORD!r})
print(tokens.create(user, "live", ["read", "submit", "review", "operate"], by="test")[1])
"""


@dataclass
class Live:
    url: str
    token: str
    data: Path
    repository: Path
    env: dict[str, str]
    web: "subprocess.Popen[bytes]" = field(init=False)

    def manage(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def engine(
        self, *words: str, stdin: str = "", merged: bool = False, **env: str
    ) -> "subprocess.CompletedProcess[str]":
        """The `engine` command on this server's own database, or with ENGINE_URL over its API."""
        return subprocess.run(
            [sys.executable, "-c", ENGINE, *words],
            cwd=ROOT,
            env={**self.env, **env},
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            timeout=120,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        )


@contextmanager
def live(*, cluster: bool = False, code: str = ENGINE, **settings: str) -> Iterator[Live]:
    """A running server, with a cluster if asked for. Ends both; ends with the processes that it started alone."""
    with tempfile.TemporaryDirectory(prefix="engine-live-") as scratch, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        data, repository = Path(scratch, "var"), Path(scratch, "repository")
        data.mkdir()
        repository.mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ENGINE_", "PIPELINE_", "DATABASE_"))
        }
        env = {
            **kept,
            "ENGINE_DATA_DIR": str(data),
            "ENGINE_ROOTS": scratch,
            "ENGINE_SECRET_KEY": secrets.token_hex(30),
            "DJANGO_SETTINGS_MODULE": "engine_site.settings",
            "PYTHONPATH": str(ROOT),
            "ENGINE_NODE": "live",
            "ENGINE_SLOTS": "2",
            **settings,
        }
        server = Live(f"http://127.0.0.1:{port}", "", data, repository, env)
        server.manage("migrate", "--verbosity", "0")
        server.token = server.manage("shell", "--verbosity", "0", "-c", MAKE_USER).strip().splitlines()[-1]
        commands = [["-c", code, "web", "--port", str(port)]]
        if cluster:
            commands.append(["manage.py", "cluster"])
        log = Path(scratch, "server.log").open("wb")  # noqa: SIM115  # closed with the children
        children = [
            subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stdout=log, stderr=log) for words in commands
        ]
        server.web = children[0]
        try:
            _wait(server.url, children, Path(scratch, "server.log"))
            yield server
        finally:
            for child in children:
                child.terminate()
            for child in children:
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
            log.close()


def _wait(url: str, children: "list[subprocess.Popen[bytes]]", log: Path) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            httpx.get(f"{url}/login", timeout=5)
            return
        except httpx.HTTPError:
            if time.monotonic() > until or any(child.poll() is not None for child in children):
                raise RuntimeError(f"the server does not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)
