"""Which database this code talks to, and the one mutex that claiming needs.

Services never name a database: they use `atomic()` from here. `using("alias")` points a block of code at another one,
which is how `JobStateStore(db_path=...)` keeps a state file of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

_alias: ContextVar[str] = ContextVar("engine_database", default=DEFAULT_DB_ALIAS)
CLAIM_LOCK = 0x656E67696E65  # "engine"; any constant that no other user of the database takes


class Router:
    """Sends every query to the database of the current `using` block."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return _alias.get()

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True


@contextmanager
def using(alias: str) -> Iterator[None]:
    token = _alias.set(alias)
    try:
        yield
    finally:
        _alias.reset(token)


def alias() -> str:
    return _alias.get()


def connection() -> BaseDatabaseWrapper:
    return connections[_alias.get()]


def atomic() -> transaction.Atomic:
    return transaction.atomic(using=_alias.get())


def on_commit(call: Callable[[], object]) -> None:
    """After the commit, and apart from it: what fails there must not look like a change that failed."""
    transaction.on_commit(call, using=_alias.get(), robust=True)


def take_claim_mutex() -> None:
    """Let one claimer in at a time; held until the transaction ends.

    On SQLite the immediate transaction is the mutex already. On PostgreSQL SKIP LOCKED alone would break limits that are
    counted from rows, so an advisory lock serialises claimers without blocking anybody else.
    """
    if connection().vendor == "postgresql":
        with connection().cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])


def now() -> datetime:
    return timezone.now()
