"""SQLite connections: shared by many processes without "database is locked"."""

from typing import Any


def database(path: str, *, full_sync: bool = False) -> dict[str, Any]:
    """A DATABASES entry: WAL, and transactions that take the writer's lock at their start.

    Django's defaults fail at once, whatever the timeout, when a reader wants to become a writer.
    """
    sync = "FULL" if full_sync else "NORMAL"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": f"PRAGMA journal_mode=WAL;PRAGMA synchronous={sync};PRAGMA temp_store=MEMORY;"
            "PRAGMA cache_size=-16000;PRAGMA mmap_size=134217728;PRAGMA journal_size_limit=67108864",
        },
    }
