"""Stop of one attempt's process tree: TERM to all, a grace, KILL, repeated until nothing is left or the time is up."""

import os
import signal

from . import tree
from .ownership import Claim, Ownership

KILL_TIMEOUT_S = 5.0  # what SIGKILL did not end by then hangs in the kernel: it is reported as a survivor
LEFTOVER_GRACE_S = 2.0  # for what a tool left behind when it ended by itself
MIN_PAUSE_S, MAX_PAUSE_S = 0.002, 0.05


class Stopper:
    """The stop of one attempt. `begin` may come again: the first cause stays, the nearest deadline wins."""

    def __init__(self, claim: Claim, ownership: Ownership) -> None:
        self._claim, self._ownership = claim, ownership
        self._signalled: set[tuple[int, int]] = set()
        self._foreign: list[tree.Proc] = []  # carry the marker, but do not descend from the tool
        self._kill_at = self._give_up_at = 0.0
        self._pause_s = MIN_PAUSE_S
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
        self._kill_at, self._give_up_at = now + grace_s, now + grace_s + KILL_TIMEOUT_S
        self._pause_s = MIN_PAUSE_S
        if first:
            self.begun_at, self.cause = now, cause
            if self._must_search:
                self._foreign = self._ownership.marked(self._claim)
            if grace_s > 0:
                self._ask(self._alive())

    def step(self, now: float) -> float:
        """Do what is due; returns the seconds until it wants to be called again."""
        left = self._alive()
        if not left and not self._claim.running and self._ownership.nothing_unclear():
            left = self._foreign = self._ownership.marked(self._claim) if self._must_search else []
            if not left:
                return self._finish(0, now)
            self._ask(left)
        if now >= self._give_up_at:
            return self._finish(len(left), now)
        if now >= self._kill_at:
            self._kill(left)
            return MIN_PAUSE_S
        self._pause_s = min(self._pause_s * 1.5, MAX_PAUSE_S)
        return min(self._pause_s, self._kill_at - now)

    @property
    def _must_search(self) -> bool:
        """A look at every process of the user, for those that others started for the tool (`at`, tmux).

        It costs 30 us a process, so a tool that ends by itself does not pay for it where tags work.
        """
        return self._claim.pid > 0 and (self.cause != "exit" or not self._ownership.has_tags)

    def _finish(self, survivors: int, now: float) -> float:
        self.done, self.survivors = True, survivors
        self.took_s = now - (now if self.begun_at is None else self.begun_at)
        return 0.0

    def _alive(self) -> list[tree.Proc]:
        members = self._ownership.members(self._claim)
        foreign = [proc for proc in self._foreign if tree.alive(*proc.key)]
        if not foreign:
            return members
        found = {proc.key: proc for proc in [*members, *foreign]}
        found.update((proc.key, proc) for proc in tree.descendants([proc.pid for proc in foreign]))
        return list(found.values())

    def _ask(self, left: list[tree.Proc]) -> None:
        """TERM once to each: many tools take a second TERM as 'drop everything', so the group is signalled as one."""
        self._signalled.update(proc.key for proc in left)
        self._send(left, signal.SIGTERM)
        self._send(left, signal.SIGCONT)  # a stopped process takes TERM only when it is continued

    def _kill(self, left: list[tree.Proc]) -> None:
        self._signalled.update(proc.key for proc in left)
        if self._claim.group is not None:
            self._claim.group.kill()
        self._send(left, signal.SIGKILL)

    def _send(self, left: list[tree.Proc], number: int) -> None:
        group = self._claim.pid
        # The group's number cannot be given away while its leader is not reaped or a member lives.
        # Group 0 would be the keeper's own: a tool that never started has none.
        if group > 0 and (self._claim.running or any(proc.pgid == group for proc in left)):
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                pass
        for proc in left:
            if proc.pgid != group or number == signal.SIGKILL:
                tree.send(proc.pid, proc.starttime, number)
