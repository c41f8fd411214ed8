"""The servers that a run may use: PostgreSQL, a Redis of its own, and the environment of the peers; each may be absent."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"


class Unavailable(Exception):
    """What a figure needs is not on this machine; the message says what."""


@dataclass(frozen=True)
class Servers:
    """`postgresql` is the address of a server on which databases may be made; `redis` that of a server; or empty."""

    postgresql: str
    redis: str
    peers_python: Path | None

    def postgresql_version(self) -> str:
        if not self.postgresql:
            return ""
        with psycopg.connect(self.postgresql) as server:
            return str(server.execute("SHOW server_version").fetchall()[0][0]).split()[0]

    def redis_version(self) -> str:
        return _words(["redis-server", "--version"], "v=") if self.redis and shutil.which("redis-server") else ""

    def peer_version(self, package: str) -> str:
        if self.peers_python is None:
            return ""
        code = f"from importlib.metadata import version; print('v=' + version({package!r}))"
        return _words([str(self.peers_python), "-c", code], "v=")

    @contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """The address of a scratch database, dropped at the end; empty for SQLite. Raises Unavailable."""
        if kind == "SQLite":
            yield ""
            return
        if not self.postgresql:
            raise Unavailable("no PostgreSQL server: set DATABASE_URL")
        name = f"engine_bench_{os.getpid()}_{time.time_ns() % 10**9}"
        with psycopg.connect(self.postgresql, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                yield urlunsplit(urlsplit(self.postgresql)._replace(path=f"/{name}"))
            finally:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def found(home: Path) -> Iterator[Servers]:
    """What there is. DATABASE_URL and REDIS_URL name servers; without the second a Redis is started if it is installed."""
    with ExitStack() as stack:
        redis = os.environ.get("REDIS_URL", "")
        if not redis and shutil.which("redis-server"):
            redis = stack.enter_context(_own_redis(home))
        python = ROOT / ".venv-bench/bin/python"
        yield Servers(_postgresql(), redis, python if python.exists() else None)


def _postgresql() -> str:
    address = os.environ.get("DATABASE_URL", "") or DEFAULT_POSTGRESQL
    try:
        with psycopg.connect(address, connect_timeout=2):
            return address
    except psycopg.OperationalError:
        return ""


@contextmanager
def _own_redis(home: Path) -> Iterator[str]:
    """On a socket in the scratch directory; nothing is written to disk."""
    path = home / "redis.sock"
    words = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(words, cwd=home, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if path.exists():
                break
            time.sleep(0.02)
        yield f"unix://{path}"
    finally:
        server.terminate()
        server.wait(20)


def _words(argv: list[str], before: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True)
    return next((word.removeprefix(before) for word in done.stdout.split() if word.startswith(before)), "")
