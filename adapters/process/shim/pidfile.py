"""The content of pid.json, updated while the tool runs: it leads to the process tree even when the shim was killed."""

import os
import time

from . import attempt_files, tree
from .cgroup import ControlGroup
from .sink import LogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REFRESH_INTERVAL_S = 0.25
MIN_REST_FACTOR = 50  # a look at a large tree may take no more than a fiftieth of the time
MAX_OUTSIDE = 500


class PidFile:
    """Names the shim, the tool, and each process that left the tool's session and so would escape a sweep by it."""

    def __init__(
        self,
        spec: "dict[str, Any]",
        pid: int,
        starttime: int,
        uid: int,
        group: ControlGroup | None,
        started_at: float,
    ) -> None:
        self._directory, self._session = spec["attempt_dir"], pid
        self._watches = tree.HAS_CHILDREN and group is None  # nothing leaves a control group
        shim = os.getpid()
        self._facts: dict[str, object] = {
            "pid": pid,
            "starttime": starttime,
            "session": pid,
            "uid": uid,
            "shim_pid": shim,
            "shim_starttime": tree.starttime_of(shim),
            "cgroup": group.path if group else "",
            "boot_id": attempt_files.boot_id(),
            "started_at": started_at,
        }
        self._outside: list[tuple[int, int]] = []
        self._look_at = 0.0
        self._write()

    def next_in(self, now: float) -> float:
        return max(0.0, self._look_at - now) if self._watches else REFRESH_INTERVAL_S * 60

    def refresh(self, now: float) -> None:
        """Update pid.json if it is due. A full disk is not reported here: the log reports it."""
        if now < self._look_at or not self._watches:
            return
        found = sorted(p.key for p in tree.descendants([os.getpid()]) if p.sid != self._session)[:MAX_OUTSIDE]
        self._look_at = now + max(REFRESH_INTERVAL_S, (time.monotonic() - now) * MIN_REST_FACTOR)
        if found != self._outside:
            self._outside = found
            try:
                self._write()
            except (LogError, OSError):
                pass

    def _write(self) -> None:
        attempt_files.write_pids(self._directory, {**self._facts, "outside": self._outside})
