"""Stop of a whole process tree: TERM to all, a grace, KILL, repeated until nothing is left or the time is up."""

import os
import signal

from . import tree
from .cgroup import ControlGroup
from .reaper import Reaper

KILL_TIMEOUT_S = 5.0  # what SIGKILL did not end by then hangs in the kernel: it is reported as a survivor
LEFTOVER_GRACE_S = 2.0  # for what a tool left behind when it ended by itself


class Stopper:
    """The stop of one run. `begin` may come again: the first cause stays, the nearest deadline wins."""

    def __init__(self, reaper: Reaper, marker: str, uids: tuple[int, ...]) -> None:
        self._reaper, self._marker, self._uids = reaper, marker, uids
        self._signalled: set[tuple[int, int]] = set()
        self._strays: list[tree.Proc] = []
        self._kill_at = self._bound = 0.0
        self._pause_s = 0.002
        self.group: ControlGroup | None = None
        self.since_tick = 0  # the tool's start: nothing older is ever taken for a part of its tree
        self.begun_at: float | None = None
        self.cause = ""
        self.done = False
        self.survivors = 0
        self.took_s = 0.0

    @property
    def killed(self) -> int:
        return max(0, len(self._signalled) - self.survivors)

    def begin(self, cause: str, grace_s: float, now: float) -> None:
        """Stop the tree, or stop it sooner than already planned."""
        first = self.begun_at is None
        if not first and now + grace_s >= self._kill_at:
            return
        self._kill_at, self._bound = now + grace_s, now + grace_s + KILL_TIMEOUT_S
        if first:
            self.begun_at, self.cause = now, cause
            if cause != "exit":
                self._strays = tree.marked(self._marker, self.since_tick, self._uids)
            if grace_s > 0:
                self._ask(self._alive())

    def step(self, now: float) -> float:
        """Do what is due; returns the seconds until it wants to be called again."""
        self._reaper.collect()
        left = self._alive()
        if not left and self._reaper.no_children:
            # All that we know of is gone. One look at every process of the user says whether we know all.
            left = self._strays = tree.marked(self._marker, self.since_tick, self._uids)
            if not left:
                return self._finish(0, now)
            self._ask(left)
        if now >= self._bound:
            return self._finish(len(left), now)
        if now >= self._kill_at:
            self._kill(left)
            return 0.002
        self._pause_s = min(self._pause_s * 1.5, 0.05)
        return min(self._pause_s, self._kill_at - now)

    def _finish(self, survivors: int, now: float) -> float:
        self.done, self.survivors = True, survivors
        self.took_s = now - (now if self.begun_at is None else self.begun_at)
        return 0.0

    def _alive(self) -> list[tree.Proc]:
        strays = [p for p in self._strays if tree.alive(*p.key)]
        found = {p.key: p for p in strays}
        members = [p for pid in self.group.pids() if (p := tree.look(pid))] if self.group else []
        found.update((p.key, p) for p in members if p.state not in tree.DEAD_STATES)
        found.update((p.key, p) for p in tree.descendants([os.getpid(), *(p.pid for p in strays)]))
        if not tree.HAS_PROC and not found and self._group_lives():
            found[self._reaper.main_pid, 0] = tree.Proc(self._reaper.main_pid, 0, "", "?", 0, self._reaper.main_pid, 0)
        return list(found.values())

    def _group_lives(self) -> bool:
        """Without /proc (macOS) an orphan is known by its process group only."""
        try:
            os.killpg(self._reaper.main_pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _ask(self, left: list[tree.Proc]) -> None:
        """TERM once to each: many tools take a second TERM as 'drop everything', so the group is signalled as one."""
        self._signalled.update(p.key for p in left)
        self._send(left, signal.SIGTERM)
        self._send(left, signal.SIGCONT)  # a stopped process takes TERM only when it is continued

    def _kill(self, left: list[tree.Proc]) -> None:
        self._signalled.update(p.key for p in left)
        if self.group is not None:
            self.group.kill()
        self._send(left, signal.SIGKILL)

    def _send(self, left: list[tree.Proc], number: int) -> None:
        group = self._reaper.main_pid
        # The group's number cannot be given away while its leader is not reaped or a member lives.
        # Group 0 would be the shim's own: a tool that never started has none.
        if group > 0 and (not self._reaper.main_ended or any(p.pgid == group for p in left)):
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                pass
        for proc in left:
            if proc.pgid != group or number == signal.SIGKILL:
                tree.send(proc.pid, proc.starttime, number)
