"""Run the drill: `JOBS=300 SEED=1 python -m tests.drill`; with DATABASE_URL on that PostgreSQL server, else on SQLite."""

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

JOBS = int(os.environ.get("JOBS", "300"))
SEED = int(os.environ.get("SEED", str(int(time.time()))))
BOUND_S = 120 + 3 * JOBS


def scratch_database(url: str) -> str:
    """A fresh database on that server; its address."""
    name = f"engine_drill_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def drop_database(url: str, scratch: str) -> None:
    with psycopg.connect(url, autocommit=True) as server:
        name = sql.Identifier(urlsplit(scratch).path.lstrip("/"))
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="engine-drill-"))
    server = os.environ.get("DATABASE_URL", "")
    scratch = scratch_database(server) if server else ""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(home / "var"),
        "DATABASE_URL": scratch,
        "ENGINE_ROOTS": str(home),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": sys.executable,
        "ENGINE_SLOTS": "4",
        "ENGINE_LOG_LEVEL": "ERROR",
        "ENGINE_STOP_GRACE_S": "3",
        "ENGINE_CANCEL_GRACE_S": "1",
        "PIPELINE_DB_PATH": "",
    }
    from tests.drill.play import Drill  # settings are read when Django starts

    try:
        drill = Drill(home, JOBS, random.Random(SEED), BOUND_S)
        print(f"drill: {JOBS} jobs on {'PostgreSQL' if server else 'SQLite'}, seed {SEED}", flush=True)
        return drill.run()
    finally:
        if scratch:
            drop_database(server, scratch)
        if not os.environ.get("DRILL_KEEP"):
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
