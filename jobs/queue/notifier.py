"""Wake-up notifications: tell sleeping runners that a job may be claimable. A lost one costs a poll, a second one nothing."""

import logging
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault

from jobs import db

log = logging.getLogger("engine.notifier")
CHANNEL = "engine_wakeup"


def directory() -> Path:
    return Path(settings.ENGINE_DATA_DIR) / "wakeup"


def notify() -> None:
    """Notify every listener of this host, and through PostgreSQL those of other hosts."""
    _notify_sockets()
    connection = db.connection()
    if connection.vendor == "postgresql":
        with suppress(DatabaseFault), connection.cursor() as cursor:  # unheard, each listener polls in a second
            cursor.execute(f"NOTIFY {CHANNEL}")


def _notify_sockets() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for path in directory().glob("*.sock"):
            try:
                sender.sendto(b".", os.fsencode(path))
            except ConnectionRefusedError:
                with suppress(OSError):
                    path.unlink()  # its listener is gone
            except OSError:
                pass  # a full socket wakes its listener anyway; anything else costs one poll


class Listener:
    """One process's ear for notifications. A loop waits for its `filenos` and then asks whether it has `heard` any."""

    def __init__(self) -> None:
        directory().mkdir(parents=True, exist_ok=True)
        self.path = directory() / f"{os.getpid()}.sock"
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self._subscribed: Any = None  # the PostgreSQL connection that listens
        self._notified = False
        try:
            self.socket.bind(os.fsencode(self.path))
        except OSError as fault:  # such as a path of more than 107 bytes
            log.warning("cannot listen at %s (%s): each start may wait for a poll", self.path, fault)

    def filenos(self) -> list[int]:
        """What becomes readable with a notification. Raises the database's error when it is unavailable."""
        connection = self._subscribe()
        return [self.socket.fileno(), *([] if connection is None else [connection.fileno()])]

    def heard(self) -> bool:
        """Whether a notification has come since the last call."""
        heard = self._drain()
        if self._subscribed is not None and not self._subscribed.closed:
            if select.select([self._subscribed], [], [], 0)[0]:
                self._subscribed.execute("SELECT 1")  # hands what has arrived to the handler
            heard = heard or self._notified
            self._notified = False
        return heard

    def wait(self, timeout: float) -> bool:
        select.select(self.filenos(), [], [], timeout)
        return self.heard()

    def _subscribe(self) -> Any:
        """The PostgreSQL connection, listening; again after each reconnect."""
        connection = db.connection()
        if connection.vendor != "postgresql":
            return None
        connection.ensure_connection()
        if connection.connection is not self._subscribed:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._subscribed = connection.connection
            self._subscribed.add_notify_handler(self._on_notification)
            self._notified = True  # some may have been missed meanwhile
        return self._subscribed

    def _on_notification(self, _: object) -> None:
        self._notified = True

    def _drain(self) -> bool:
        heard = False
        try:
            while self.socket.recv(64):
                heard = True
        except BlockingIOError:
            pass
        return heard

    def close(self) -> None:
        self.socket.close()
        self.path.unlink(missing_ok=True)
