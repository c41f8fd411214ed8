"""Job paths: made absolute once, at submit, and checked against the allowed roots."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from adapters import gitinfo, paths
from adapters.errors import OutsideRoots
from adapters.paths import Paths
from schema import Problem

KEYS = ("repo_root", "working_dir", "log_file", "error_report")
MAX_ROOT_LENGTH = 500  # characters, as resolved: it is a column


def roots() -> tuple[Path, ...]:
    return tuple(Path(root) for root in settings.ENGINE_ROOTS)


def to_json(places: Paths) -> dict[str, str | None]:
    return {key: None if getattr(places, key) is None else str(getattr(places, key)) for key in KEYS}


def from_json(kept: Mapping[str, Any]) -> Paths:
    return Paths(*(Path(kept[key]) if kept.get(key) else None for key in KEYS))  # type: ignore[arg-type]


def tree_of(places: Paths) -> str:
    """The working tree that the job uses, whatever path in it the document names: one job at a time writes there."""
    tree = str(gitinfo.root_of(places.working_dir) or places.repo_root)
    return tree if len(tree) <= MAX_ROOT_LENGTH else str(places.repo_root)


def resolve(document: Mapping[str, Any], base: Path | None) -> Paths:
    """Raises OutsideRoots when a path leads out of the allowed directories, symbolic links resolved."""
    return paths.resolve(document, base, roots=roots())


def located(document: Mapping[str, Any], base: Path | None) -> tuple[Paths | None, list[Problem]]:
    """The same, with what is wrong as problems of the document; without places if there are any.

    `base` is the directory that the caller stands in. Without one only an absolute repo_root names a repository: the
    directory of a server is nobody's.
    """
    named = str((document.get("paths") or {}).get("repo_root") or "")
    if base is None and not Path(named).is_absolute():
        return None, [_without_base(named)]
    try:
        places = resolve(document, base)
    except OutsideRoots as refusal:
        return None, [_outside(document, refusal)]
    root = str(places.repo_root)
    if len(root) > MAX_ROOT_LENGTH:
        sentence = f"paths.repo_root has {len(root)} characters; expected at most {MAX_ROOT_LENGTH}."
        shorter = "Work in a directory with a shorter path."
        return None, [
            Problem("/paths/repo_root", sentence, root[:80], f"at most {MAX_ROOT_LENGTH} characters", shorter)
        ]
    return places, []


def _without_base(named: str) -> Problem:
    said = f"paths.repo_root is {named!r}, which is relative" if named else "paths.repo_root is missing"
    sentence = (
        f"{said}: name the repository by its absolute path, such as {Path(settings.ENGINE_ROOTS[0]) / 'project'}."
    )
    way_out = "Write the whole path; over HTTP ?base=/your/directory says what a relative one starts from."
    return Problem("/paths/repo_root", sentence, named, "an absolute path", way_out)


def _outside(document: Mapping[str, Any], refusal: OutsideRoots) -> Problem:
    key = re.match(r"paths\.(\w+)", str(refusal))
    pointer = f"/paths/{key[1]}" if key else "/paths"
    found = str((document.get("paths") or {}).get(key[1], "")) if key else ""
    way_out = "Use a path inside one of them."  # the sentence has the other one
    return Problem(pointer, f"{refusal}.", found, ", ".join(settings.ENGINE_ROOTS), way_out)
