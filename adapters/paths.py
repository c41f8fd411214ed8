"""Paths: where a job works and where it may write.

Relative paths resolve against `repo_root`, which itself resolves against the caller's base directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from adapters.errors import MissingDirectory, OutsideRoots


@dataclass(frozen=True)
class Paths:
    """All absolute, with symlinks resolved."""

    repo_root: Path
    working_dir: Path
    log_file: Path | None
    error_report: Path | None


def resolve(
    document: Mapping[str, Any], base_dir: Path | None = None, *, roots: Iterable[Path | str] | None = None
) -> Paths:
    """Raises OutsideRoots: all must lie in the repository or in one of `roots`, the repository in one of `roots`."""
    named = document.get("paths") or {}
    root = _real((base_dir or Path.cwd()) / (named.get("repo_root") or "."), "repo_root")
    found = {
        key: _real(root / named[key], key) if named.get(key) else None
        for key in ("working_dir", "log_file", "error_report")
    }
    allowed = None if roots is None else tuple(Path(place) for place in roots)
    if allowed is not None and not _below(root, allowed):
        raise OutsideRoots(
            f"paths.repo_root {root} is outside of the allowed roots ({_listed(allowed)}); "
            f"start Engine with ENGINE_ROOTS={','.join(map(str, (*allowed, root)))} to allow it"
        )
    for key, place in found.items():
        if place is not None and not _below(place, (root, *(allowed or ()))):
            raise OutsideRoots(f"paths.{key} leads out of the repository to {place}; name a place inside {root}")
    return Paths(root, found["working_dir"] or root, found["log_file"], found["error_report"])


def is_below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies in it, as both are written: nothing is asked of the disk."""
    return PurePosixPath(path).is_relative_to(root)


def inside(path: Path, roots: Iterable[Path | str]) -> bool:
    """Whether `path`, with every symlink followed, is one of the `roots` or lies in one."""
    return _below(Path(path).resolve(), roots)


def _below(real: Path, roots: Iterable[Path | str]) -> bool:
    """The same for a path that is resolved already. A root that is a prefix as it stands needs no look at the disk."""
    places = tuple(roots)
    return any(real.is_relative_to(root) for root in places) or any(
        real.is_relative_to(Path(root).resolve()) for root in places
    )


def must_exist(paths: Paths) -> None:
    """Raises MissingDirectory."""
    for key, place in (("repo_root", paths.repo_root), ("working_dir", paths.working_dir)):
        if not place.is_dir():
            words = "is not a directory" if place.exists() else "does not exist"
            raise MissingDirectory(f"paths.{key} {place} {words}; create it, or correct the path")


def _real(path: Path, key: str) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of symlinks, a NUL
        raise OutsideRoots(f"paths.{key} {str(path)!r} cannot be resolved ({error}); correct the path") from error


def _listed(roots: Iterable[Path]) -> str:
    return ", ".join(str(root) for root in roots) or "none"
