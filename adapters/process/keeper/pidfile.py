"""The content of pid.json: it leads to an attempt's processes even when the keeper was killed."""

from . import attempt_files, clock
from .log.sink import LogError
from .ownership import Claim, Ownership

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REFRESH_INTERVAL_S = 0.25
MIN_REST_FACTOR = 50  # a look at a large tree may take no more than a fiftieth of the time
MAX_OUTSIDE = 500


class PidFile:
    """Names the keeper, its guard, the tool and its tag.

    Where tags do not work, also each process that left the tool's session and so would escape a sweep by it: that
    needs a look at the tree every quarter of a second.
    """

    def __init__(
        self, spec: "dict[str, Any]", claim: Claim, ownership: Ownership, identities: dict[str, int], started_at: float
    ) -> None:
        self._directory, self._claim, self._ownership = spec["attempt_dir"], claim, ownership
        self._watches = not ownership.has_tags and claim.group is None  # nothing leaves a control group
        self._facts: dict[str, object] = {
            "pid": claim.pid,
            "starttime": claim.since,
            "session": claim.pid,
            "tag": spec.get("tag", 0) if ownership.has_tags else 0,
            "uid": claim.uids[-1],
            **identities,
            "cgroup": claim.group.path if claim.group else "",
            "boot_id": attempt_files.boot_id(),
            "started_at": started_at,
        }
        self._outside: list[tuple[int, int]] = []
        self._look_at = 0.0
        self._write()

    def next_in(self, now: float) -> float | None:
        return max(0.0, self._look_at - now) if self._watches else None

    def refresh(self, now: float) -> None:
        """Update pid.json if it is due. A full disk is not reported here: the log reports it."""
        if now < self._look_at or not self._watches:
            return
        members = self._ownership.members(self._claim)
        found = sorted(proc.key for proc in members if proc.sid != self._claim.pid)[:MAX_OUTSIDE]
        self._look_at = now + max(REFRESH_INTERVAL_S, (clock.now() - now) * MIN_REST_FACTOR)
        if found != self._outside:
            self._outside = found
            try:
                self._write()
            except (LogError, OSError):
                pass

    def _write(self) -> None:
        attempt_files.write_pids(self._directory, {**self._facts, "outside": self._outside})
