"""CPU and memory of trees of processes, from /proc."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))):
            children.setdefault(int(fields[1]), []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_s(pids: list[int], *, reaped: bool = True) -> float:
    """User and system time, with that of the children that each has reaped."""
    return sum(sum(map(int, fields[11 : 15 if reaped else 13])) for pid in pids if (fields := _stat(pid))) / TICKS


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def pss_mb(pids: list[int]) -> float:
    """Memory with shared pages divided among those that share them."""
    return sum(_rollup(pid, r"Pss") for pid in pids)


def private_mb(pids: list[int]) -> float:
    """Memory that nobody else shares (USS)."""
    return sum(_rollup(pid, r"Private_\w+") for pid in pids)


def _rollup(pid: int, field: str) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0  # it has ended
    return sum(int(kb) for kb in re.findall(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)) * 1024 / 1e6


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
