"""pid.json, kept true while the tool runs: with it the tree is found even when the shim was killed."""

import os

from . import record, tree
from .sink import LogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EVERY_S = 1.0
MAX_OUTSIDE = 500


class Family:
    """Names the shim, the tool, and each process that left the tool's session and so would escape a sweep by it."""

    def __init__(self, spec: "dict[str, Any]", pid: int, starttime: int, uid: int, started_at: float) -> None:
        self._directory, self._session = spec["attempt_dir"], pid
        shim = os.getpid()
        self._facts: dict[str, object] = {
            "pid": pid,
            "starttime": starttime,
            "session": pid,
            "uid": uid,
            "shim_pid": shim,
            "shim_starttime": tree.starttime_of(shim),
            "boot_id": record.boot_id(),
            "started_at": started_at,
        }
        self._outside: list[tuple[int, int]] = []
        self._look_at = 0.0
        self._write()

    def refresh(self, now: float) -> None:
        """A full disk is no reason to stop here: the log will say so."""
        if now < self._look_at or not tree.HAS_CHILDREN:
            return
        self._look_at = now + EVERY_S
        found = sorted(p.key for p in tree.descendants([os.getpid()]) if p.sid != self._session)[:MAX_OUTSIDE]
        if found != self._outside:
            self._outside = found
            try:
                self._write()
            except (LogError, OSError):
                pass

    def _write(self) -> None:
        record.write_pids(self._directory, {**self._facts, "outside": self._outside})
