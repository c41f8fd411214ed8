"""Measure on a scratch directory with a cluster of its own: `python -m tests.bench`; DATABASE_URL chooses PostgreSQL."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.drill.__main__ import drop_database, scratch_database

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = int(os.environ.get("ROUNDS", "60"))


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    server = os.environ.get("DATABASE_URL", "")
    scratch = scratch_database(server) if server else ""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(home / "var"),
        "DATABASE_URL": scratch,
        "ENGINE_ROOTS": str(home),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": "*",
        "ENGINE_SLOTS": "2",
        "ENGINE_LOG_LEVEL": "ERROR",
        "ENGINE_STOP_GRACE_S": "2",
        "PIPELINE_DB_PATH": "",
    }
    from tests.bench import latency, logpath  # settings are read when Django starts

    cluster = None
    try:
        latency.prepare()
        print(
            f"bench: {'PostgreSQL' if server else 'SQLite'}, {ROUNDS} rounds, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f}",
            flush=True,
        )
        row("claims a second, one process", [latency.claims_per_second()], "")
        cluster = subprocess.Popen([sys.executable, "-m", "django", "cluster"], cwd=ROOT, stdin=subprocess.DEVNULL)
        time.sleep(2)
        claimed, first = latency.submit_to_start(home, ROUNDS)
        row("submit to claimed", claimed, "ms")
        row("submit to the tool's first instruction", first, "ms")
        row("hand-off between two queued jobs", latency.hand_off(home, ROUNDS), "ms")
        row("idle: share of a core", [latency.idle_share(cluster.pid)], "%")
        logpath.measure(home)
    finally:
        if cluster is not None:
            cluster.terminate()
            cluster.wait(60)
        if scratch:
            drop_database(server, scratch)
        shutil.rmtree(home, ignore_errors=True)
    return 0


def row(name: str, values: list[float], unit: str) -> None:
    if len(values) == 1:
        print(f"{name:<42}{values[0]:>9.1f} {unit}", flush=True)
        return
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(
        f"{name:<42}{statistics.median(ordered):>9.1f} {unit} p50{p95:>9.1f} {unit} p95{ordered[-1]:>9.1f} {unit} max",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
