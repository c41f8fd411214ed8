"""Looks at /proc: who descends from a process that the drill started. Nothing is ever found by name."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from adapters.process.keeper import tree
from adapters.process.spec import tag_for


@dataclass(frozen=True)
class Proc:
    pid: int
    started: int  # clock ticks since boot: with the pid it names one process forever
    parent: int


def look(pid: int) -> Proc | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Proc(pid, int(fields[19]), int(fields[1]))


def everybody() -> list[Proc]:
    return [found for name in os.listdir("/proc") if name.isdigit() and (found := look(int(name)))]


def descendants(root: int) -> list[Proc]:
    found, frontier = [], {root}
    people = everybody()
    while frontier:
        children = [proc for proc in people if proc.parent in frontier]
        frontier = {proc.pid for proc in children}
        found += children
    return found


def children(pid: int) -> list[Proc]:
    return [proc for proc in everybody() if proc.parent == pid]


def send(proc: Proc, number: signal.Signals) -> bool:
    """Signal exactly this process; False if it has gone."""
    if look(proc.pid) is None or (look(proc.pid) != proc and (look(proc.pid) or proc).started != proc.started):
        return False
    try:
        os.kill(proc.pid, number)
    except ProcessLookupError:
        return False
    return True


def carrying(entry: str) -> list[int]:
    """Processes whose environment has exactly this NAME=value entry; the entry comes from the drill's own record."""
    assert len(entry) > 16 and "=" in entry
    wanted = entry.encode()
    found = []
    for proc in everybody():
        try:
            if wanted in Path(f"/proc/{proc.pid}/environ").read_bytes().split(b"\0"):
                found.append(proc.pid)
        except OSError:
            continue
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def of_attempts(markers: set[str]) -> list[int]:
    """Processes that carry the marker or the tag of one of these attempts."""
    tags = {tag_for(marker) for marker in markers}
    entries = {f"ENGINE_ATTEMPT_MARKER={marker}".encode() for marker in markers}
    found = []
    for proc in everybody():
        try:
            environment = set(Path(f"/proc/{proc.pid}/environ").read_bytes().split(b"\0"))
        except OSError:
            environment = set()
        if entries & environment or tree.tag_of(proc.pid) in tags:
            found.append(proc.pid)
    return found
