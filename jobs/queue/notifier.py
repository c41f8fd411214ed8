"""The doorbell: tells sleeping pushers that a job may be claimable. A missed ring costs one poll, a double one nothing."""

import logging
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs import db

log = logging.getLogger("engine.doorbell")
CHANNEL = "engine_bell"


def directory() -> Path:
    return Path(settings.ENGINE_DATA_DIR) / "bell"


def ring() -> None:
    """Wake every listener of this host, and through PostgreSQL those of other hosts."""
    _ring_sockets()
    connection = db.connection()
    if connection.vendor == "postgresql" and connection.is_usable():
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


def _ring_sockets() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        for path in directory().glob("*.sock"):
            try:
                bell.sendto(b".", os.fsencode(path))
            except ConnectionRefusedError:
                with suppress(OSError):
                    path.unlink()  # its listener is gone
            except OSError:
                pass  # a full bell is rung already; anything else costs one poll


class Listener:
    """One pusher's ear. `wait` returns at the first ring or after `timeout` seconds."""

    def __init__(self) -> None:
        directory().mkdir(parents=True, exist_ok=True)
        self.path = directory() / f"{os.getpid()}.sock"
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        try:
            self.socket.bind(os.fsencode(self.path))
        except OSError as fault:  # such as a path of more than 107 bytes
            log.warning("no doorbell at %s (%s): each start may wait for a poll", self.path, fault)

    def wait(self, timeout: float) -> bool:
        ears: list[Any] = [self.socket]
        connection = db.connection()
        remote = None
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")  # cheap, and survives a reconnect of this connection
            remote = connection.connection
            ears.append(remote)
        ready, _, _ = select.select(ears, [], [], timeout)
        if self.socket in ready:
            self._drain()
        if remote is not None and remote in ready:
            list(remote.notifies(timeout=0))
        return bool(ready)

    def _drain(self) -> None:
        try:
            while self.socket.recv(64):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        self.socket.close()
        self.path.unlink(missing_ok=True)
