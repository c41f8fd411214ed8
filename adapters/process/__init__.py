"""Runs of programs under a keeper that owns the whole process tree, and readers of their logs. No Django here."""

from adapters.process.client import Event, Keeper, Running, ShimError
from adapters.process.keepers import KeeperPool
from adapters.process.logs import ErrorLine, Line, LogFile
from adapters.process.runner import Shim, run_process
from adapters.process.search import Hit, SearchResult
from adapters.process.spec import MARKER_NAME, Confine, EndedBy, Ending, Spec
from adapters.process.sweep import (
    Proc,
    Swept,
    alive,
    kill_attempt,
    kill_tree,
    own_identity,
    processes_of,
    read_ending,
    read_pids,
)

__all__ = [
    "MARKER_NAME",
    "Confine",
    "EndedBy",
    "Ending",
    "ErrorLine",
    "Event",
    "Hit",
    "Keeper",
    "KeeperPool",
    "Line",
    "LogFile",
    "Proc",
    "Running",
    "SearchResult",
    "Shim",
    "ShimError",
    "Spec",
    "Swept",
    "alive",
    "kill_attempt",
    "kill_tree",
    "own_identity",
    "processes_of",
    "read_ending",
    "read_pids",
    "run_process",
]
