"""Kernel calls that Python has no name for; each does nothing where the system has no such call."""

import sys

try:
    import ctypes

    _PRCTL = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None
except (ImportError, OSError, AttributeError):  # a Python built without ctypes, or a libc without prctl
    _PRCTL = None

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> bool:
    return _PRCTL is not None and _PRCTL(option, value, 0, 0, 0) == 0


def become_subreaper() -> bool:
    """Orphans below this process become its children, so none can leave the tree by forking twice."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signal_number: int) -> bool:
    return _prctl(PR_SET_PDEATHSIG, signal_number)


def hide_memory() -> bool:
    """No other process of the same user, the tool among them, may look into this one's memory, files or environment."""
    return _prctl(PR_SET_DUMPABLE, 0)
