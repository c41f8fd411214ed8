"""A whole Engine web process on a free port, with a database and data directory of its own."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

CHROMIUM = os.environ.get("ENGINE_TEST_CHROMIUM") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ROOT = Path(__file__).resolve().parent.parent.parent
USER, PASSWORD = "mara", "correct horse"


@dataclass
class Site:
    url: str
    data: Path
    env: dict[str, str]
    process: "subprocess.Popen[bytes]"

    def rows(self, *arguments: str) -> None:
        run = [sys.executable, "-m", "tests.browser.rows", *arguments]
        subprocess.run(run, env=self.env, cwd=ROOT, check=True, timeout=120)

    def log_of(self, pk: int, number: int) -> Path:
        return self.data / f"attempts/test/{pk}-{number}/output.log"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(data: Path) -> Site:
    env = {
        **os.environ,
        "ENGINE_DATA_DIR": str(data),
        "ENGINE_DEBUG": "0",
        "ENGINE_SECRET_KEY": "only-for-tests",
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "ENGINE_ROOTS": str(data),
        "ENGINE_EXECUTABLES": "*",
        "PYTHONWARNINGS": "ignore",
        "ENGINE_ALLOW_SHELL": "1",
    }
    for gone in ("PIPELINE_DB_PATH", "DATABASE_URL"):
        env.pop(gone, None)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with open(data / "web.log", "wb") as log:
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "engine_site.asgi:application",
            "--fd",
            str(listener.fileno()),
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "1",
        ]
        site = Site(url, data, env, None)  # type: ignore[arg-type]
        site.rows()
        site.process = subprocess.Popen(
            command, env=env, cwd=ROOT, pass_fds=[listener.fileno()], stdout=log, stderr=log
        )
    listener.close()
    _wait_for(site)
    return site


def _wait_for(site: Site) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            urlopen(f"{site.url}/login", timeout=20).read()
            return
        except (URLError, OSError):
            if site.process.poll() is not None:
                break
            time.sleep(0.1)
    site.stop()
    raise RuntimeError(f"the site did not start:\n{(site.data / 'web.log').read_text()}")
