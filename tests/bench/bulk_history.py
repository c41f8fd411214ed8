"""A long history by SQL alone: copies of the finished jobs that a database has, with their attempts, events and runs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

# For each table: by which column's span its keys move on, which columns hold keys of which table, and which hold names.
KEYS = {
    "runs": {"id": "runs"},
    "workstreams": {"id": "workstreams"},
    "jobs": {"id": "jobs", "workstream_id": "workstreams"},
    "step_attempts": {"id": "step_attempts", "job_id": "jobs"},
    "events": {"id": "events", "job_id": "jobs"},
}
NAMES = {
    "runs": ("run_id",),
    "workstreams": ("run_id",),
    "jobs": ("run_id", "job_id"),
    "step_attempts": ("run_id",),
    "events": ("run_id",),
}


@dataclass(frozen=True)
class SqliteHistory:
    path: Path

    def grow(self, jobs: int, wanted: int) -> None:
        """Copy `jobs` finished jobs until there are `wanted`, a multiple of them. Indexes are made anew: sorting is faster."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            # A crash would cost only scratch data.
            for pragma in (
                "synchronous=OFF",
                "journal_mode=OFF",
                "cache_size=-400000",
                "temp_store=MEMORY",
                "threads=2",
            ):
                db.execute(f"PRAGMA {pragma}")
            db.execute("PRAGMA foreign_keys=OFF")
            spans = {table: _one(db, f"SELECT max(id) FROM {table}") for table in KEYS}
            with _without_indexes(db):
                db.execute("BEGIN")
                for copy in range(1, wanted // jobs):
                    for table in KEYS:
                        db.execute(_copy(db, table, spans), {"copy": copy, **spans})
                db.execute("COMMIT")
            db.execute("PRAGMA journal_mode=WAL")


def _copy(db: sqlite3.Connection, table: str, spans: dict[str, int]) -> str:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    chosen = ", ".join(_expression(table, column) for column in columns)
    return f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE id <= :{table} ORDER BY id"


def _expression(table: str, column: str) -> str:
    if owner := KEYS[table].get(column):
        return f"{column} + :copy * :{owner}"
    # The copies of the newest are the newest: what a list shows first is near each other.
    return f"{column} || '-' || :copy" if column in NAMES[table] else column


@contextmanager
def _without_indexes(db: sqlite3.Connection) -> Iterator[None]:
    marks = ", ".join("?" * len(KEYS))
    query = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})"
    indexes = db.execute(query, list(KEYS)).fetchall()
    for name, _ in indexes:
        db.execute(f'DROP INDEX "{name}"')
    yield
    for _, text in indexes:
        db.execute(text)


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
