"""Run the drill: `SHORT=300 LONG=30 SEED=1 python -m tests.drill`.

With DATABASE_URL on that PostgreSQL server, else on SQLite; with ENGINE_BROKER=redis over Redis. It ends all that it
started, also when it is told to stop itself.
"""

import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

SHORT, LONG = int(os.environ.get("SHORT", "2000")), int(os.environ.get("LONG", "200"))
SEED = int(os.environ.get("SEED", str(int(time.time()))))
SLOTS = os.environ.get("SLOTS", "32")
DISK_MB = 400


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """The address of a fresh database on that server."""
    name = f"engine_drill_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """Mount a file system of its own there, which can be filled. False where this user may not."""
    place.mkdir()
    options = f"size={DISK_MB}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "engine-drill", str(place)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
    if not mounted:
        print("drill: the disk is not filled: a file system can be mounted by root only", flush=True)
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def configure(home: Path, database: str) -> None:
    """The environment of this process and of all that it starts."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(home / "var"),
        "ENGINE_NODE": f"drill-{os.getpid()}",
        "ENGINE_SECRET_KEY": secrets.token_hex(30),
        "DATABASE_URL": database,
        "ENGINE_ROOTS": str(home),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": "sh",
        "ENGINE_SLOTS": SLOTS,
        "ENGINE_LOG_LEVEL": "ERROR",
        "ENGINE_API_RATE": "0",
        "ENGINE_STOP_GRACE_S": "3",
        "ENGINE_CANCEL_GRACE_S": "1",
        "ENGINE_CIRCUIT_OPEN_S": "2",  # a full disk opens it
        "PIPELINE_DB_PATH": "",
    }


def stop_in_order(number: int, frame: object) -> None:
    """As Ctrl-C does: every `finally` is run."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_in_order)
    home = Path(tempfile.mkdtemp(prefix="engine-drill-"))
    try:
        with small_disk(home / "var") as has_disk:
            server = os.environ.get("DATABASE_URL", "")
            if not server:
                return run(home, "", has_disk)
            with scratch_database(server) as scratch:
                return run(home, scratch, has_disk)
    finally:
        if not os.environ.get("DRILL_KEEP"):
            shutil.rmtree(home, ignore_errors=True)


def run(home: Path, database: str, has_disk: bool) -> int:
    configure(home, database)
    from tests.drill.play import Drill  # settings are read when Django starts

    place, broker = "PostgreSQL" if database else "SQLite", os.environ.get("ENGINE_BROKER", "engine")
    print(f"drill: {SHORT} short and {LONG} long jobs on {place}, broker {broker}, seed {SEED}", flush=True)
    return Drill(home, SHORT, LONG, random.Random(SEED), has_disk=has_disk).run()


if __name__ == "__main__":
    sys.exit(main())
