"""Last use of a token: written at most once a minute, after the answer, and no request depends on it."""

import asyncio
import logging
import threading
import time
from datetime import datetime
from typing import Protocol, cast

from django.apps import apps
from django.db import DatabaseError

from jobs.models import ApiToken

log = logging.getLogger("engine.tokens")
EVERY_S = 60


class LastUse:
    """What this process has still to write. One for each process, for all of its threads."""

    def __init__(self) -> None:
        self.due: dict[int, datetime] = {}
        # On the monotonic clock: while the database refuses, it is not asked at each request.
        self._tried: dict[int, float] = {}
        self.writing = threading.Lock()

    def note(self, token_pk: int, at: datetime) -> None:
        if time.monotonic() - self._tried.get(token_pk, -EVERY_S) >= EVERY_S:
            self.due[token_pk] = at

    def write(self, **_: object) -> None:
        """A handler of `request_finished`. Of threads that come here at once, one writes: the database may be locked."""
        # A stream ends in an event loop, which must not wait for the database: the next ordinary answer writes it.
        if not self.due or _in_event_loop() or not self.writing.acquire(blocking=False):
            return
        try:
            while self.due:
                token_pk, at = self.due.popitem()
                self._tried[token_pk] = time.monotonic()
                ApiToken.objects.filter(pk=token_pk).update(last_used_at=at)
        except DatabaseError as fault:
            log.warning("the last use of a token is not written: %s", fault)
        finally:
            self.writing.release()


class Owner(Protocol):
    """`jobs.apps.JobsConfig`."""

    last_use: LastUse


def of_process() -> LastUse:
    return cast(Owner, apps.get_app_config("jobs")).last_use


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
