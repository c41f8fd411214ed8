"""A running `engine up` on scratch data, and a client that keeps its connection open."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

from tests.bench.processes import cpu_s, name_of, tree
from tests.bench.scratch import ENGINE, Installation

START_S = 180
USER, PASSWORD = "bench", "only for this benchmark"
MAKE_USER = f"""
from django.contrib.auth.models import User
from jobs.services.accounts import tokens
user = User.objects.create_superuser({USER!r}, "", {PASSWORD!r})
print(tokens.create(user, "bench", ["read", "submit"], by="bench")[1])
"""


@dataclass(frozen=True)
class Site:
    """`started` is wall and CPU seconds until it answered."""

    installation: Installation
    port: int
    pid: int
    started: tuple[float, float]
    clients: list["Client"] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        return tree(self.pid)

    @property
    def web(self) -> int:
        return next(pid for pid in self.pids if name_of(pid) == "engine-web")

    def api(self) -> "Client":
        """With a new user's token; to be asked for once."""
        words = ("manage.py", "shell", "--verbosity", "0", "-c", MAKE_USER)
        token = self.installation.run(*words).strip().splitlines()[-1]
        return self.client(Authorization=f"Bearer {token}")

    def client(self, **headers: str) -> "Client":
        """On a connection of its own, which is closed with the site."""
        self.clients.append(Client(self.port, **headers))
        return self.clients[-1]


@contextmanager
def engine_up(installation: Installation) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    began = time.monotonic()
    with (installation.home / "site.log").open("ab") as log:
        command = installation.start("-c", ENGINE, "up", "--port", str(port), stdout=log, stderr=log)
    try:
        while not _answers(port):
            if command.poll() is not None or time.monotonic() - began > START_S:
                raise RuntimeError(f"`engine up` did not start: {(installation.home / 'site.log').read_text()[-2000:]}")
            time.sleep(0.02)
        site = Site(installation, port, command.pid, (time.monotonic() - began, cpu_s(tree(command.pid))))
        try:
            yield site
        finally:
            for client in site.clients:
                client.connection.close()
    finally:
        command.terminate()
        command.wait(90)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Client:
    """One connection that stays open, with a token or the cookies of a session."""

    def __init__(self, port: int, **headers: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Accept-Encoding": "gzip", **headers}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        content = answer.read()
        return answer, gzip.decompress(content) if answer.getheader("Content-Encoding") == "gzip" else content

    def get(self, path: str) -> bytes:
        answer, content = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status)
        return content

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def submit(self, body: bytes) -> None:
        answer, content = self.ask("POST", "/api/v1/jobs", body)
        assert answer.status == 201, content

    def sign_in(self) -> None:
        self.headers["Cookie"] = _cookies(self.ask("GET", "/login")[0])
        token = self.headers["Cookie"].partition("csrftoken=")[2].partition(";")[0]
        form = urlencode({"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token})
        answer, _ = self.ask("POST", "/login", form.encode(), **{"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 302, answer.status
        self.headers["Cookie"] = _cookies(answer)


def _cookies(answer: HTTPResponse) -> str:
    return "; ".join(value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or [])
