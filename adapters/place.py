"""Where a job would work, as a person wants to read it before anything starts: directory, branch, clean or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters import gitinfo
from adapters.gitinfo import GitUnknown

LOOK_TIMEOUT_S = 2.0  # a person waits for the answer


@dataclass(frozen=True)
class Place:
    directory: str
    branch: str = ""  # empty outside of a repository, or when git does not say
    sentence: str = ""  # the state of the tree


def place_of(directory: Path) -> Place:
    """Never raises: what cannot be told is said in the sentence."""
    if not directory.is_dir():
        return Place(str(directory), sentence="this directory does not exist on the web server's host")
    try:
        state = gitinfo.look(directory, timeout_s=LOOK_TIMEOUT_S)
        if state is None:
            return Place(str(directory), sentence="no git repository: changes cannot be told or undone")
        branch = gitinfo.ask(state.root, "branch", "--show-current", timeout_s=LOOK_TIMEOUT_S).strip()
    except GitUnknown as unknown:
        return Place(str(directory), sentence=f"git does not tell its state: {unknown}")
    changes = f"{len(state.dirty)} uncommitted change{'' if len(state.dirty) == 1 else 's'}"
    return Place(str(directory), branch or "no branch (detached HEAD)", changes if state.dirty else "clean")
