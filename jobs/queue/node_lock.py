"""Lock of a node: one process at a time is its runner. The kernel releases it when that process dies."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from django.conf import settings

PATIENCE_S = 0.3  # somebody who only asks holds the lock for an instant
RETRY_S = 0.01


def directory() -> Path:
    """Of what the runners of this host share; for Engine's own user alone."""
    return Path(settings.ENGINE_DATA_DIR) / "runners"


def _path() -> Path:
    return directory() / f"{quote(settings.ENGINE_NODE, safe='')}.lock"


class NodeLock:
    """`with NodeLock() as lock: if lock: ...` — true if this process is the node's runner now."""

    def __init__(self) -> None:
        self._file = -1
        self._held = False

    def __enter__(self) -> Self:
        _path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + PATIENCE_S
        while not (held := _try(self._file)) and time.monotonic() < until:
            time.sleep(RETRY_S)
        self._held = held
        return self

    def __bool__(self) -> bool:
        return self._held

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)


def has_runner() -> bool:
    """Whether a process of this host is the node's runner."""
    try:
        file = os.open(_path(), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try(file)
    finally:
        os.close(file)


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
