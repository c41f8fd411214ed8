"""When a token was last used: written at most once a minute, after the answer, and no request depends on it."""

import asyncio
import logging
import threading
import time
from datetime import datetime

from django.core.signals import request_finished
from django.db import DatabaseError

from jobs.models import ApiToken

log = logging.getLogger("engine.tokens")
EVERY_S = 60

_due: dict[int, datetime] = {}
_tried: dict[int, float] = {}  # on the monotonic clock: while the database refuses, it is not asked at each request
_writing = threading.Lock()


def in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def note(token_pk: int, at: datetime) -> None:
    if time.monotonic() - _tried.get(token_pk, -EVERY_S) >= EVERY_S:
        _due[token_pk] = at


def write(**_: object) -> None:
    """A handler of `request_finished`. Of threads that come here at once, one writes: the database may be locked."""
    # A stream ends in an event loop, which must not wait for the database: the next ordinary answer writes it.
    if not _due or in_event_loop() or not _writing.acquire(blocking=False):
        return
    try:
        while _due:
            token_pk, at = _due.popitem()
            _tried[token_pk] = time.monotonic()
            ApiToken.objects.filter(pk=token_pk).update(last_used_at=at)
    except DatabaseError as fault:
        log.warning("the last use of a token is not written: %s", fault)
    finally:
        _writing.release()


request_finished.connect(write, dispatch_uid="engine-last-use")
