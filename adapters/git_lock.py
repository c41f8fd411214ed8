"""git's index.lock: what a killed git leaves behind, so that nobody can commit there any more."""

from __future__ import annotations

from pathlib import Path

from adapters import gitinfo

PROC = Path("/proc")


def remove_left_behind(working_dir: str | Path, since: float) -> str:
    """Remove a lock made after `since` (epoch seconds) that no running git can own; its path, or "" if there is none.

    A lock that is older belongs to somebody else, and so may one beside which a git still runs.
    """
    root = gitinfo.root_of(working_dir)
    lock = None if root is None else _lock_of(root)
    if root is None or lock is None:
        return ""
    try:
        if lock.lstat().st_mtime < since or _git_runs_in(root):
            return ""
        lock.unlink()
    except OSError:
        return ""
    return str(lock)


def _lock_of(root: Path) -> Path | None:
    place = root / ".git"
    if place.is_file():  # a linked working tree, or a submodule
        try:
            named = place.read_text(encoding="utf-8").strip().removeprefix("gitdir: ")
        except (OSError, ValueError):
            return None
        place = root / named
    return place / "index.lock"


def _git_runs_in(root: Path) -> bool:
    """Whether any git of this user works below `root`. Without /proc nobody can tell, and the answer is yes."""
    if not PROC.is_dir():
        return True
    for process in PROC.iterdir():
        if not process.name.isdigit():
            continue
        try:
            if (process / "comm").read_text().startswith("git") and (process / "cwd").resolve().is_relative_to(root):
                return True
        except OSError:  # it has ended, or is another user's
            continue
    return False
