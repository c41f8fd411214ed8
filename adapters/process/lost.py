"""Attempts whose keeper died without reporting them: their processes, and their endings."""

import os
import time
from contextlib import suppress

from adapters.process.keeper import kernel, tree
from adapters.process.keeper.guard import SIGNALLED
from adapters.process.spec import EndedBy, Ending, tag_for
from adapters.process.sweep import kill_attempt, read_ending, read_pids
from adapters.process.waiting import how


def adopt_orphans() -> bool:
    """Make this process the parent of what is left when keeper and guard are killed together.

    `Keeper.reap` ends such processes in any case, by their tag; their parent also collects their exit statuses.
    """
    return kernel.become_subreaper()


def _collect_zombies(tag: int) -> None:
    """Of an attempt whose orphans became children of this process."""
    for pid in tree.direct_children(os.getpid()) if tree.HAS_PROC else []:
        if tree.tag_of(pid) == tag:
            collect_zombie(pid)


def collect_zombie(pid: int) -> None:
    """Only if it is a child of this process: an orphan that it adopted."""
    if pid > 0:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def ending_of_lost(attempt_dir: str, marker: str, code: int | None) -> Ending:
    recorded = read_ending(attempt_dir)
    swept = kill_attempt(attempt_dir, marker)
    _collect_zombies(tag_for(marker))
    signalled = code is not None and code > SIGNALLED
    cause = f"signal {code - SIGNALLED}" if code is not None and signalled else how(code)
    return recorded or Ending(
        ended_by=EndedBy.LIFELINE,
        error=f"The keeper died ({cause}); its processes were ended by its guard, {swept.killed} by a sweep.",
        started_at=float(read_pids(attempt_dir).get("started_at", 0.0)),
        ended_at=time.time(),
        killed=swept.killed,
        survivors=swept.survivors,
        stop_s=swept.seconds,
    )
