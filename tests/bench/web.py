"""What the site costs: `python -m tests.bench.web` starts `engine up` on scratch data; DATABASE_URL chooses PostgreSQL.

CPU is user and system time of the web process alone, in milliseconds a request, over one connection that stays open.
"""

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.drill.__main__ import drop_database, scratch_database
from tests.drill.processes import descendants

ROOT = Path(__file__).resolve().parent.parent.parent
REQUESTS = int(os.environ.get("REQUESTS", "300"))
HISTORY = os.environ.get("HISTORY", "2000")  # finished jobs that are there already
IDLE_S = float(os.environ.get("IDLE_S", "10"))
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
USER, PASSWORD = "bench", "only for this bench"
MAKE_USER = f"""
from django.contrib.auth.models import User
from jobs.services.accounts import tokens
user = User.objects.create_superuser({USER!r}, "", {PASSWORD!r})
print(tokens.create(user, "bench", ["read", "submit"], by="bench")[1])
"""


class Site:
    """A started `engine up`."""

    def __init__(self, home: Path, database: str) -> None:
        self.home = home
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ENGINE_", "PIPELINE_"))},
            "ENGINE_DATA_DIR": str(home / "var"),
            "DATABASE_URL": database,
            "ENGINE_ROOTS": str(home),
            "ENGINE_SECRET_KEY": "only for this bench, and of no use anywhere else",
            "ENGINE_API_RATE": "1000000",  # counted as always, never reached
            "ENGINE_LOG_LEVEL": "ERROR",
            "ENGINE_STOP_GRACE_S": "1",
            "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        }
        self.command: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def pids(self) -> list[int]:
        assert self.command is not None
        return [self.command.pid, *(proc.pid for proc in descendants(self.command.pid))]

    def run(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.env, check=True, capture_output=True, text=True
        ).stdout

    @contextmanager
    def up(self) -> Iterator[tuple[float, float]]:
        """Run `engine up`; gives the seconds, wall and CPU, until it answered."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        began = time.monotonic()
        self.command = subprocess.Popen(
            [sys.executable, "-c", "from engine_site.cli import main; main()", "up", "--port", str(self.port)],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.DEVNULL,
        )
        try:
            while not self._answers():
                if self.command.poll() is not None or time.monotonic() - began > 180:
                    raise RuntimeError("`engine up` did not start")
                time.sleep(0.02)
            yield time.monotonic() - began, sum(map(cpu_ms, self.pids)) / 1000
        finally:
            self.command.terminate()
            self.command.wait(60)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def cpu_ms(pid: int) -> float:
    """User and system time of the process; 0 once it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def pss_mb(pid: int) -> float:
    """Memory of the process, with shared pages divided among those that share them."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) / 1000 if found else 0


class Browser:
    """One connection that stays open, with a token or the cookies of a session."""

    def __init__(self, port: int, **headers: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Accept-Encoding": "gzip", **headers}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        content = answer.read()
        return answer, gzip.decompress(content) if answer.getheader("Content-Encoding") == "gzip" else content

    def get(self, path: str) -> None:
        answer, _ = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status)

    def sign_in(self) -> None:
        self.headers["Cookie"] = self._cookies(self.ask("GET", "/login")[0])
        token = self.headers["Cookie"].partition("csrftoken=")[2].partition(";")[0]
        form = urlencode({"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token})
        answer, _ = self.ask("POST", "/login", form.encode(), **{"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 302, answer.status
        self.headers["Cookie"] = self._cookies(answer)

    def _cookies(self, answer: HTTPResponse) -> str:
        return "; ".join(value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or [])


def document(home: Path, number: int) -> bytes:
    """A job for a queue that nobody serves, so that nothing but the web process works."""
    job: dict[str, Any] = {
        "job_id": f"bench-{number:05}",
        "run_id": f"bench-{number // 100}",
        "workstream_id": f"ws-{number % 7}",
        "tool": "git",
        "command": {"exe": "git", "args": ["status"]},
        "paths": {"repo_root": str(home)},
        "metadata": {"queue": "unserved", "title": f"Look at the repository, {number}"},
    }
    return json.dumps(job).encode()


class Meter:
    def __init__(self, site: Site) -> None:
        self.web = self._web_process(site)

    def _web_process(self, site: Site) -> int:
        """The process that works when the site is asked."""
        before = {pid: cpu_ms(pid) for pid in site.pids}
        browser = Browser(site.port)
        for _ in range(200):
            browser.get("/healthz")
        return max(before, key=lambda pid: cpu_ms(pid) - before[pid])

    def per_request(self, name: str, ask: Callable[[int], object]) -> None:
        for number in range(20):
            ask(number)
        began, cpu = time.monotonic(), cpu_ms(self.web)
        for number in range(20, 20 + REQUESTS):
            ask(number)
        used, took = (cpu_ms(self.web) - cpu) / REQUESTS, (time.monotonic() - began) * 1000 / REQUESTS
        print(f"{name:<34}{used:>8.2f} ms CPU{took:>9.2f} ms wall", flush=True)


def measure(site: Site) -> None:
    token = site.run("manage.py", "shell", "--verbosity", "0", "-c", MAKE_USER).strip().splitlines()[-1]
    site.run("-c", "from engine_site.cli import main; main()", "seed", "--jobs", HISTORY)
    time.sleep(2)
    idle, began = {pid: cpu_ms(pid) for pid in site.pids}, time.monotonic()
    time.sleep(IDLE_S)
    share = sum(cpu_ms(pid) - used for pid, used in idle.items()) / (time.monotonic() - began) / 10
    print(f"{'idle: share of a core':<34}{share:>8.2f} %")
    print(
        f"{'idle: memory of all processes':<34}{sum(map(pss_mb, site.pids)):>8.1f} MB PSS, {len(site.pids)} processes"
    )
    meter = Meter(site)
    api = Browser(site.port, Authorization=f"Bearer {token}")
    listed = json.loads(api.ask("GET", "/api/v1/jobs?limit=1")[1])["items"][0]["job_id"]

    def submit(number: int) -> None:
        answer, body = api.ask("POST", "/api/v1/jobs", document(site.home, number))
        assert answer.status == 201, body

    meter.per_request("GET /healthz", lambda _: api.get("/healthz"))
    meter.per_request("GET a finished job", lambda _: api.get(f"/api/v1/jobs/{listed}"))
    meter.per_request("POST a job", submit)
    meter.per_request("GET a queued job", lambda number: api.get(f"/api/v1/jobs/bench-{number:05}"))
    meter.per_request("GET 50 jobs", lambda _: api.get("/api/v1/jobs"))
    person = Browser(site.port)
    person.sign_in()
    meter.per_request("page of 50 finished jobs", lambda _: person.get("/jobs?status=completed"))
    meter.per_request("page of 50 queued jobs", lambda _: person.get("/jobs"))
    print(f"{'after that: memory':<34}{sum(map(pss_mb, site.pids)):>8.1f} MB PSS")


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    server = os.environ.get("DATABASE_URL", "")
    database = scratch_database(server) if server else ""
    print(
        f"{'PostgreSQL' if server else 'SQLite'}, {REQUESTS} requests each, {HISTORY} jobs before; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )
    site = Site(home, database)
    try:
        for name in ("first start", "start, nothing changed"):
            with site.up() as (wall, cpu):
                print(f"{name:<34}{wall:>8.2f} s wall{cpu:>9.2f} s CPU", flush=True)
        with site.up():
            measure(site)
    finally:
        if database:
            drop_database(server, database)
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
