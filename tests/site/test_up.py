"""`engine up`: all parts with one command, gone together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.drill.processes import children, descendants, look
from tests.live import ENGINE, ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@contextmanager
def running(home: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A started `engine up`, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINE_", "DATABASE_"))}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(home),
        "ENGINE_STOP_GRACE_S": "1",
        "ENGINE_NODE": "up",
    }
    command = [sys.executable, "-c", ENGINE, "up", "--port", str(port)]
    site = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert site.stdout is not None
    try:
        while "Ctrl-C stops it" not in (line := site.stdout.readline()):
            assert line, "it ended by itself"
        yield site, f"http://127.0.0.1:{port}"
    finally:
        site.kill()
        site.wait()
        site.stdout.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


def test_ctrl_c_ends_everything_and_the_next_start_collects_nothing(home: Path) -> None:
    with running(home) as (site, url):
        page = urlopen(f"{url}/login", timeout=20).read().decode()
        assert urlopen(url + page.partition('rel="stylesheet" href="')[2].partition('"')[0], timeout=20).status == 200
        parts = descendants(site.pid)
        assert len(children(site.pid)) == 2
        site.send_signal(signal.SIGINT)
        assert site.wait(30) == 0
        assert not [part for part in parts if look(part.pid) == part]
    collected = (home / "static" / "staticfiles.json").stat().st_mtime_ns
    with running(home):
        assert (home / "static" / "staticfiles.json").stat().st_mtime_ns == collected


def test_no_part_outlives_a_parent_that_is_killed(home: Path) -> None:
    with running(home) as (site, _):
        parts = descendants(site.pid)
        site.kill()
        until = time.monotonic() + 10
        while left := [part for part in parts if look(part.pid) == part]:
            assert time.monotonic() < until, left
            time.sleep(0.1)


def test_all_ends_when_a_part_dies(home: Path) -> None:
    with running(home) as (site, _):
        os.kill(children(site.pid)[0].pid, signal.SIGKILL)
        assert site.wait(30) == 1
