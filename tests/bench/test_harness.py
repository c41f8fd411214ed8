"""The harness of the benchmark at tiny sizes: that it works, not how fast anything is."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench import growth, http_jobs, idle, logpath, waiting
from tests.bench.bulk_history import KEYS, SqliteHistory
from tests.bench.contest import Entrant, limit, peer, run
from tests.bench.figures import Figure
from tests.bench.processes import cpu_s, private_mb, pss_mb, tree
from tests.bench.scratch import Bench
from tests.bench.servers import ROOT, Servers, Unavailable


class Tiny(Bench):
    def pick(self, full: int, quick: int) -> int:
        return min(quick, 2)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """On SQLite alone: no PostgreSQL, no Redis, no peers."""
    return Tiny(tmp_path, Servers("", "", None), quick=True)


def submitter(code: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; from tests.bench.clock import timed; {code}"]


def entrant(code: str) -> Entrant:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Entrant([sys.executable, "-c", "import time; time.sleep(60)"], submitter(code), env)


def test_the_limit_counts_what_it_started() -> None:
    result = limit(4)
    assert result.jobs == 4
    assert result.rate > 0


def test_an_entrant_is_timed_from_ready_to_its_last_result() -> None:
    result = run(entrant("timed(lambda count: None, lambda: 10**6, int(sys.argv[1]))"), 5)
    assert result.jobs == 5
    assert 0 <= result.wall_s < 5


def test_an_entrant_that_fails_tells_its_own_words() -> None:
    with pytest.raises(RuntimeError, match="out of luck"):
        run(entrant("raise SystemExit('out of luck')"), 5)


def test_a_peer_without_its_environment_is_unavailable(bench: Bench) -> None:
    with pytest.raises(Unavailable, match="make bench"), peer(bench, "huey_sqlite"):
        pass


def test_this_process_uses_memory_and_cpu() -> None:
    me = os.getpid()
    assert me in tree(os.getppid())
    assert cpu_s([me]) > 0
    assert 0 < private_mb([me]) <= pss_mb([me])


def test_a_process_that_has_ended_uses_nothing() -> None:
    assert cpu_s([2**22 + 1]) == pss_mb([2**22 + 1]) == 0


def test_a_log_path_is_a_ratio_of_each_round(bench: Bench) -> None:
    assert len(logpath._ratio(bench, "log_seq", "seq", ["seq", "10"], 2).values) == 2


@pytest.mark.slow
def test_a_history_grows_by_sql_and_stays_consistent(bench: Bench) -> None:
    with bench.installation() as made:
        made.seed(20)
        path = made.home / "var/engine.db"
        with closing(sqlite3.connect(path)) as db:
            before = {table: rows(db, table) for table in KEYS}
            schema = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        SqliteHistory(path).grow(20, 60)
        with closing(sqlite3.connect(path)) as db:
            assert {table: rows(db, table) for table in KEYS} == {table: 3 * count for table, count in before.items()}
            assert db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == schema
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def rows(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "key"),
    [
        (idle.measure, "idle_mb"),
        (waiting.measure, "mb_per_waiting"),
        (http_jobs.measure, "http_jobs_s"),
        (lambda bench: growth.measure_at(bench, [100, 200]), "writer_hold_ms"),
    ],
    ids=["idle", "waiting", "http", "growth"],
)
def test_a_topic_tells_its_figures(bench: Bench, measure: Callable[[Bench], Iterator[Figure]], key: str) -> None:
    found = {one.key: one for one in measure(bench)}
    assert found[key].values
    assert all(one.values or one.note for one in found.values())
