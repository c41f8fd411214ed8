"""Queries of the process table: parent links, sessions and the environment marker.

Every process is named by pid and start time, and verified right before each signal, because pids are used again.
"""

import os
import signal

HAS_PROC = os.path.exists("/proc/self/stat")  # noqa: PTH110 - no pathlib in the shim
HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110
MARKER_NAME = b"ENGINE_ATTEMPT_MARKER"
MIN_MARKER_LENGTH = 16
DEAD_STATES = ("Z", "X", "x")


class Proc:
    """One process as /proc tells it; (pid, starttime) names it for good."""

    __slots__ = ("name", "pgid", "pid", "ppid", "sid", "starttime", "state")

    def __init__(self, pid: int, starttime: int, name: str, state: str, ppid: int, pgid: int, sid: int) -> None:
        self.pid, self.starttime, self.name, self.state = pid, starttime, name, state
        self.ppid, self.pgid, self.sid = ppid, pgid, sid

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.starttime

    def __repr__(self) -> str:
        return f"Proc({self.pid}, {self.starttime}, {self.name!r}, {self.state})"


def read(path: str) -> bytes:
    """The whole small file, or nothing when it is gone or not ours to read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(fd)


def look(pid: int) -> Proc | None:
    """The process, zombies included, or None when there is none."""
    head, _, rest = read(f"/proc/{pid}/stat").rpartition(b")")
    words = rest.split()
    if len(words) < 20:
        return None
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    return Proc(pid, int(words[19]), name, words[0].decode(), int(words[1]), int(words[2]), int(words[3]))


def starttime_of(pid: int) -> int:
    """Clock ticks since boot; 0 where the system does not tell."""
    found = look(pid) if HAS_PROC else None
    return found.starttime if found else 0


def alive(pid: int, starttime: int) -> bool:
    """This very process runs; a zombie does not count, a successor with the same pid neither."""
    if pid <= 0:
        return False
    if not HAS_PROC:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    found = look(pid)
    return found is not None and found.state not in DEAD_STATES and starttime == found.starttime


def send(pid: int, starttime: int, number: int) -> bool:
    """Signal this very process; False when it is gone. A pidfd closes the gap between check and signal."""
    try:
        fd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") and HAS_PROC else -1
    except OSError as error:
        if isinstance(error, ProcessLookupError):
            return False
        fd = -1  # a kernel or a sandbox without pidfd: check, then signal
    try:
        if not alive(pid, starttime):
            return False
        if fd >= 0:
            signal.pidfd_send_signal(fd, number)  # type: ignore[attr-defined,unused-ignore]
        else:
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        if fd >= 0:
            os.close(fd)
    return True


def tag_of(pid: int | str) -> int:
    """The tag of a process (see limits.py): its soft RLIMIT_LOCKS; 0 for no limit, or when there is no such process."""
    text = read(f"/proc/{pid}/limits")
    at = text.find(b"Max file locks")
    words = text[at + 14 : at + 60].split() if at >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else 0


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if HAS_PROC else []  # noqa: PTH208


def children_of(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return []
    return [int(word) for task in tasks for word in read(f"/proc/{pid}/task/{task}/children").split()]


def direct_children(pid: int) -> list[int]:
    """All children, zombies included. The kernel's list may miss one while another one dies."""
    return children_of(pid) if HAS_CHILDREN else _children_by_parent_links().get(pid, [])


def _children_by_parent_links() -> dict[int, list[int]]:
    links: dict[int, list[int]] = {}
    for pid, ppid in _from_ps() if not HAS_PROC else [(p.pid, p.ppid) for p in map(look, pids()) if p]:
        links.setdefault(ppid, []).append(pid)
    return links


def _from_ps() -> list[tuple[int, int]]:
    """Parent links where there is no /proc (macOS)."""
    with os.popen("ps -A -o pid=,ppid=") as lines:  # noqa: S605 - a constant
        rows = [line.split() for line in lines]
    return [(int(row[0]), int(row[1])) for row in rows if len(row) == 2]


def descendants(roots: list[int]) -> list[Proc]:
    """Everything alive below `roots`, without the roots themselves. Zombies are walked through, not listed."""
    links = None if HAS_CHILDREN else _children_by_parent_links()
    seen, todo, found = set(roots), list(roots), []
    while todo:
        pid = todo.pop()
        for child in children_of(pid) if links is None else links.get(pid, []):
            if child in seen:
                continue
            seen.add(child)
            todo.append(child)
            known = look(child) if HAS_PROC else Proc(child, 0, "", "?", pid, 0, 0)
            if known is not None and known.state not in DEAD_STATES:
                found.append(known)
    return found


def marked(marker: str, started_after: int = 0, uids: tuple[int, ...] | None = None) -> list[Proc]:
    """All processes that carry exactly this marker, start at or after `started_after` (ticks) and run as one of `uids`.

    The marker comes from the caller, never from a process: a process that rewrote its title would give an empty one.
    """
    if len(marker) < MIN_MARKER_LENGTH:
        raise ValueError(
            f"a marker of {len(marker)} characters could match by accident; use {MIN_MARKER_LENGTH} or more"
        )
    entry = MARKER_NAME + b"=" + os.fsencode(marker)
    owners = (os.geteuid(),) if uids is None else uids
    return [p for p in _candidates(owners, started_after) if entry in read(f"/proc/{p.pid}/environ").split(b"\0")]


def tagged(tag: int, started_after: int, uids: tuple[int, ...]) -> list[Proc]:
    """All processes that have this tag, start at or after `started_after` (ticks) and run as one of `uids`."""
    return [p for p in _candidates(uids, started_after) if tag_of(p.pid) == tag]


def by_marker(uids: tuple[int, ...]) -> dict[bytes, list[Proc]]:
    """All processes of `uids` that carry a marker, by marker: one pass for any number of attempts."""
    found: dict[bytes, list[Proc]] = {}
    for proc in _candidates(uids, 0):
        marker = marker_of(proc.pid)
        if len(marker) >= MIN_MARKER_LENGTH:
            found.setdefault(marker, []).append(proc)
    return found


def marker_of(pid: int) -> bytes:
    """The marker in the environment of a process; empty when it has none."""
    prefix = MARKER_NAME + b"="
    entries = read(f"/proc/{pid}/environ").split(b"\0")
    return next((entry[len(prefix) :] for entry in entries if entry.startswith(prefix)), b"")


def in_sessions(sessions: tuple[tuple[int, int], ...], uids: tuple[int, ...]) -> list[Proc]:
    """Members of sessions named by (session id, start time of the leader), whether the leader lives or not.

    The number of a session is not given away while it has members. If its leader is another process than the one
    that we know, the number was used again and the session is not ours.
    """
    wanted = {}
    for sid, start in sessions:
        leader = look(sid) if sid > 1 else None
        if sid > 1 and start > 0 and (leader is None or leader.starttime == start):
            wanted[sid] = start
    if not wanted:
        return []
    return [p for p in _candidates(uids, min(wanted.values())) if p.sid in wanted and p.starttime >= wanted[p.sid]]


def _candidates(owners: tuple[int, ...], started_after: int) -> list[Proc]:
    me, result = os.getpid(), []
    for pid in pids():
        try:
            ours = os.stat(f"/proc/{pid}").st_uid in owners  # noqa: PTH116
        except OSError:
            continue
        found = look(pid) if ours and pid != me else None
        if found and found.state not in DEAD_STATES and found.starttime >= started_after:
            result.append(found)
    return result
