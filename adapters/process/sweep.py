"""Sweep of what is left of an attempt when its keeper, its worker or its whole host died. For upkeep and for the runner.

Nothing is killed by name. A process is ours by the marker that our database holds, by the tag that follows from it, by
the session of the tool, by descent from a process that pid.json names, or by descent from one of these; and it must
have started no earlier.
"""

import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.process.keeper import attempt_files, cgroup, tree
from adapters.process.spec import Ending, tag_for

KEEPER_TIMEOUT_S = 2.0  # for a keeper to die of SIGKILL
Identity = tuple[int, int]  # pid, start time in clock ticks since boot


@dataclass(frozen=True)
class Proc:
    pid: int
    starttime: int
    name: str


@dataclass(frozen=True)
class Swept:
    killed: int
    survivors: int
    seconds: float


def own_identity() -> Identity:
    """What others check to know whether this process still lives."""
    return os.getpid(), tree.starttime_of(os.getpid())


def alive(pid: int, starttime: int) -> bool:
    """This very process runs: not a zombie, not a later process with the same pid."""
    return tree.alive(pid, starttime)


def processes_of(
    marker: str, started_after: int = 0, sessions: Iterable[Identity] = (), roots: Iterable[Identity] = ()
) -> list[Proc]:
    """Live processes of the attempt. `started_after` is in clock ticks, as in pid.json: clocks may be set, ticks not.

    `sessions` are (session id, start time of its leader); `roots` are single processes. Both bring their descendants.
    Raises ValueError for a marker under 16 characters: it could match by accident.
    """
    found = _find(marker, started_after, tuple(sessions), tuple(roots), (os.geteuid(),))
    return [Proc(p.pid, p.starttime, p.name) for p in found]


def kill_tree(
    marker: str,
    started_after: int = 0,
    sessions: Iterable[Identity] = (),
    roots: Iterable[Identity] = (),
    grace_s: float = 0.0,
    bound_s: float = 5.0,
    uids: Iterable[int] | None = None,
) -> Swept:
    """TERM, grace, KILL, and look again until nothing is left or `bound_s` is over. Never signals this process.

    `uids` are the users that the marker and the sessions are looked for under; None is our own only.
    """
    sessions, roots = tuple(sessions), tuple(roots)
    owners = (os.geteuid(),) if uids is None else tuple(uids)
    begun = time.monotonic()
    known: set[Identity] = set()
    while True:
        left = _find(marker, started_after, sessions, roots, owners)
        waited = time.monotonic() - begun
        if not left or waited > grace_s + bound_s:
            return Swept(len(known - {proc.key for proc in left}), len(left), waited)
        for proc in left:
            if waited >= grace_s:
                tree.send(proc.pid, proc.starttime, signal.SIGKILL)
            elif proc.key not in known:
                tree.send(proc.pid, proc.starttime, signal.SIGTERM)
                tree.send(proc.pid, proc.starttime, signal.SIGCONT)
        known.update(proc.key for proc in left)
        time.sleep(0.005 if waited >= grace_s else min(0.05, grace_s - waited))


def kill_attempt(
    attempt_dir: str | os.PathLike[str], marker: str, grace_s: float = 0.0, *, spare_keeper: bool = False
) -> Swept:
    """Kill everything that pid.json, tag and marker lead to, and the keeper: a frozen keeper must not wake up later.

    Where the keeper's runner is gone or silent, every attempt of that keeper is lost. Where this one alone is lost,
    `spare_keeper`: it works for others, and reports the end of this one to its runner.
    """
    facts = read_pids(attempt_dir)
    keeper = (int(facts.get("shim_pid", 0)), int(facts.get("shim_starttime", 0)))
    tool = (int(facts.get("pid", 0)), int(facts.get("starttime", 0)))
    if not facts or not keeper[1]:  # without start times (no /proc) a pid proves nothing
        return kill_tree(marker, grace_s=grace_s)
    group = cgroup.find(str(facts.get("cgroup", "")), marker)
    roots = [tool, *((int(pid), int(start)) for pid, start in facts.get("outside", [])), *_members(group)]
    if not spare_keeper:
        tree.send(*keeper, signal.SIGSTOP)  # it starts nothing more, and still holds what would go to its guard
    uids = {os.geteuid(), int(facts.get("uid", os.geteuid()))}
    try:
        swept = kill_tree(marker, tool[1], sessions=[tool], roots=roots, grace_s=grace_s, uids=uids)
    finally:
        if not spare_keeper:
            _kill_and_wait(keeper)
    return swept if group is None else _empty(group, marker, swept)


def _kill_and_wait(keeper: Identity) -> None:
    until = time.monotonic() + KEEPER_TIMEOUT_S
    tree.send(*keeper, signal.SIGKILL)
    while tree.alive(*keeper) and time.monotonic() < until:
        time.sleep(0.002)


def _members(group: cgroup.ControlGroup | None) -> list[Identity]:
    return [p.key for pid in group.pids() if (p := tree.look(pid))] if group else []


def _empty(group: cgroup.ControlGroup, marker: str, swept: Swept) -> Swept:
    """What was born in the group meanwhile goes at once; then the group itself."""
    if left := [identity for identity in _members(group) if tree.alive(*identity)]:
        group.kill()
        again = kill_tree(marker, roots=left)
        swept = Swept(swept.killed + again.killed, again.survivors, swept.seconds + again.seconds)
    group.remove()
    return swept


def read_pids(attempt_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """pid.json; empty when there is none, or when it tells of processes before the last boot."""
    try:
        facts = json.loads((Path(attempt_dir) / attempt_files.PIDS).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and facts.get("boot_id") == attempt_files.boot_id() else {}


def read_ending(attempt_dir: str | os.PathLike[str]) -> Ending | None:
    """The recorded ending of an attempt, if it came that far."""
    try:
        return Ending.from_dict(json.loads((Path(attempt_dir) / attempt_files.EXIT).read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _find(
    marker: str, since: int, sessions: tuple[Identity, ...], roots: tuple[Identity, ...], uids: tuple[int, ...]
) -> list[tree.Proc]:
    found = {p.key: p for p in tree.marked(marker, since, uids)}
    found.update((p.key, p) for p in tree.tagged(tag_for(marker), since, uids))
    found.update((p.key, p) for p in tree.in_sessions(sessions, uids))
    found.update((p.key, p) for pid, start in roots if tree.alive(pid, start) and (p := tree.look(pid)))
    found.update((p.key, p) for p in tree.descendants([p.pid for p in found.values()]))
    mine = os.getpid()
    return [p for p in found.values() if p.pid != mine and p.starttime >= since]
