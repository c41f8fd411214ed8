"""Ownership of processes: which of the keeper's attempts an orphan belongs to.

The keeper is a subreaper: whatever outlives its parent below a tool becomes the keeper's own child. Whose it is says,
in this order: what was seen before, its tag, its session, the marker in its environment. A process that hides from
all of them (it changed its tag, left the session and cleared its environment) belongs to each attempt that ran when
it started; it is ended with the last of these, and never while another one could own it.
"""

import os

from . import tree
from .cgroup import ControlGroup

MIN_TAG = 1 << 61  # every tag is at least this; a lower number is a limit that a tool set, as another tool may too
READS = 2  # the kernel's list of children may miss an entry while a sibling dies


class Claim:
    """What the processes of one attempt are known by."""

    def __init__(self, marker: str, tag: int, uids: tuple[int, ...]) -> None:
        self.marker, self.uids = marker, uids
        self.tags = {tag}
        self.sessions: set[int] = set()
        self.known: set[tuple[int, int]] = set()
        self.pid = 0  # of the tool; 0 before its start
        self.since = 0  # start time of the tool in ticks
        self.running = False  # the tool is not reaped
        self.group: ControlGroup | None = None

    def started(self, pid: int, since: int) -> None:
        self.pid, self.since, self.running = pid, since, True
        self.sessions.add(pid)
        self.known.add((pid, since))

    def note(self, proc: tree.Proc, own_session: int) -> None:
        """Remember a process that belongs to this attempt, so that it is known again without its parents."""
        if proc.key in self.known:
            return
        self.known.add(proc.key)
        if proc.sid != own_session:
            self.sessions.add(proc.sid)
        tag = tree.tag_of(proc.pid)
        if tag >= MIN_TAG:
            self.tags.add(tag)  # of an Engine that runs inside the tool


class Ownership:
    """The claims of all attempts that run, and one look at the keeper's children that a turn of the loop shares."""

    def __init__(self, has_tags: bool) -> None:
        self.has_tags = has_tags
        self.nobodys: list[tree.Proc] = []  # orphans of attempts that have ended
        self._claims: list[Claim] = []
        self._session = os.getsid(0)
        self._orphans: dict[Claim | None, list[tree.Proc]] | None = None
        self._unclear = False
        self._marked: dict[bytes, list[tree.Proc]] | None = None

    def add(self, claim: Claim) -> None:
        self._claims.append(claim)

    def remove(self, claim: Claim) -> None:
        if claim in self._claims:
            self._claims.remove(claim)

    def new_turn(self) -> None:
        """What was seen before is old."""
        self._orphans = self._marked = None

    def members(self, claim: Claim) -> list[tree.Proc]:
        """The live processes of an attempt: the tool, its orphans, and all below them."""
        found = {proc.key: proc for proc in self._look().get(claim, [])}
        if claim.running:
            tool = tree.look(claim.pid) if tree.HAS_PROC else tree.Proc(claim.pid, 0, "", "?", 0, claim.pid, 0)
            if tool is not None and tool.state not in tree.DEAD_STATES:
                found[tool.key] = tool
        if claim.group is not None:
            inside = [proc for pid in claim.group.pids() if (proc := tree.look(pid))]
            found.update((proc.key, proc) for proc in inside if proc.state not in tree.DEAD_STATES)
        if not tree.HAS_PROC and claim.pid and not found and _group_lives(claim.pid):
            found[claim.pid, 0] = tree.Proc(claim.pid, 0, "", "?", 0, claim.pid, 0)
        roots = [proc.pid for proc in found.values()]
        # Below a tool that is dead and not yet reaped nothing is left: its children are the keeper's by then.
        found.update((proc.key, proc) for proc in tree.descendants(roots))
        for proc in found.values():
            claim.note(proc, self._session)
        return list(found.values())

    def nothing_unclear(self) -> bool:
        """False while a child of the keeper is dying: its own children are not ours yet, so look again."""
        self._look()
        return not self._unclear

    def marked(self, claim: Claim) -> list[tree.Proc]:
        """Processes that carry the marker, wherever they are: one pass over /proc for all attempts of a turn."""
        if self._marked is None:
            owners = {uid for known in self._claims for uid in known.uids} | set(claim.uids)
            self._marked = tree.by_marker(tuple(owners))
        found = self._marked.get(os.fsencode(claim.marker), [])
        return [proc for proc in found if proc.starttime >= claim.since and proc.pid != os.getpid()]

    def _look(self) -> "dict[Claim | None, list[tree.Proc]]":
        if self._orphans is not None:
            return self._orphans
        self._orphans, self._unclear, self.nobodys = {}, False, []
        tools = {claim.pid for claim in self._claims if claim.running}
        if not tree.HAS_PROC:  # nor a subreaper: no orphan ever becomes ours
            return self._orphans
        me = os.getpid()
        for pid in {pid for _ in range(READS) for pid in tree.direct_children(me)} - tools:
            proc = tree.look(pid)
            if proc is None or proc.state in tree.DEAD_STATES:
                self._unclear = True
            else:
                self._orphans.setdefault(self._owner(proc), []).append(proc)
        return self._orphans

    def _owner(self, proc: tree.Proc) -> Claim | None:
        by_trace = self._by_trace(proc)
        if by_trace is not None:
            return by_trace
        candidates = [claim for claim in self._claims if claim.pid and proc.starttime >= claim.since]
        if not candidates and all(claim.pid for claim in self._claims):  # none is just being started
            self.nobodys.append(proc)
        return candidates[0] if len(candidates) == 1 else None

    def _by_trace(self, proc: tree.Proc) -> Claim | None:
        for claim in self._claims:
            if proc.key in claim.known:
                return claim
        tag = tree.tag_of(proc.pid) if self.has_tags else 0
        for claim in self._claims:
            if tag in claim.tags:
                return claim
        for claim in self._claims:
            if proc.sid in claim.sessions:
                return claim
        marker = tree.marker_of(proc.pid)
        for claim in self._claims:
            if marker and marker == os.fsencode(claim.marker):
                return claim
        return None


def _group_lives(pid: int) -> bool:
    """Without /proc (macOS) an orphan is known by its process group only."""
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
