"""What a tool may read and write: the system, its own toolchain and settings, its working tree, its temporary directory.

Everything else is closed to it: Engine's data, other projects, other tools' keys, the rest of the home directory. The keeper
hands the rules to the kernel (`process/keeper/landlock.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adapters import toolchain
from adapters.errors import CannotConfine
from adapters.paths import Paths
from adapters.process.spec import Confine

DEVICES = (
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    *("/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm"),  # noqa: S108 - named semaphores live there, whatever the tool
)
CACHE_S = 30  # how long a program that was just installed may stay unseen


@dataclass(frozen=True)
class Profile:
    """What a tool gets beyond the default, from its adapter and from the administrator; `~` is the tool's home.

    `hidden` are directories that stay closed although they lie in one that is open, such as Engine's data in /opt.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def __add__(self, other: Profile) -> Profile:
        return Profile((*self.read, *other.read), (*self.write, *other.write), (*self.hidden, *other.hidden))


def confine(
    argv: list[str], env: Mapping[str, str], places: Paths, profile: Profile, attempt_dir: Path, own: Iterable[Path]
) -> Confine:
    """The rules for one attempt. `own` are the tool's directories for reports and for temporary files; of `attempt_dir`,
    which is Engine's, it may read its prompt and write nothing.

    Raises CannotConfine for a working tree that holds what is hidden. A path that does not exist allows nothing.
    """
    home = env.get("HOME") or "/nonexistent"
    tree = _tree_of(places.repo_root)
    git = list(_git_directories(tree)) if tree is not None else []
    write = [*DEVICES, *map(str, (places.repo_root, places.working_dir, *git)), *_at_home(profile.write, home)]
    for hidden in profile.hidden:
        _refuse_around(write, hidden)
    read = [*_readable(argv[0], env.get("PATH", os.defpath), home, profile, int(time.monotonic() / CACHE_S))]
    read += [] if tree is None else _outside(str(tree), profile.hidden)
    read += [str(place) for place in (*_borrowed_objects(git), attempt_dir)]
    return Confine(tuple(dict.fromkeys(read)), tuple(dict.fromkeys((*write, *map(str, own)))))


@lru_cache(maxsize=256)
def _readable(program: str, path: str, home: str, profile: Profile, period: int) -> tuple[str, ...]:
    """What does not depend on the job. Kept for a while, because each start of a job asks."""
    names = (*toolchain.readable(program, path, Path(home)), *_at_home(profile.read, home))
    return tuple(each for name in names for each in _outside(name, profile.hidden))


def _at_home(names: Iterable[str], home: str) -> Iterator[str]:
    for name in names:
        yield f"{home}/{name[2:]}" if name.startswith("~/") else name


def _refuse_around(write: Iterable[str], hidden: str) -> None:
    for name in write:
        if f"{hidden}/".startswith(f"{name.rstrip('/')}/"):
            raise CannotConfine(
                f"{name} holds {hidden}, which is closed to tools; work in another directory, or let the administrator "
                "keep Engine's data elsewhere (ENGINE_DATA_DIR)"
            )


def _outside(name: str, hidden: Iterable[str]) -> list[str]:
    names = [name]
    for closed in hidden:
        names = [each for one in names for each in _without(one, closed)]
    return names


def _without(name: str, hidden: str) -> Iterator[str]:
    """`name`, or what is in it but for the way to `hidden`."""
    if name == hidden:
        return
    if not f"{hidden}/".startswith(f"{name.rstrip('/')}/"):  # strings: this is asked at each start
        yield name
        return
    for child in sorted(Path(name).iterdir()):
        yield from _without(str(child), hidden)


def _tree_of(root: Path) -> Path | None:
    """The top of the git working tree that `root` lies in."""
    return next((place for place in (root, *root.parents) if (place / ".git").exists()), None)


def _git_directories(top: Path) -> Iterator[Path]:
    """Where git keeps what belongs to the working tree; for a linked one or a submodule, that is outside of the tree."""
    own = top / ".git"
    try:
        own = (top / own.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
    except (OSError, ValueError):
        yield own  # a directory
        return
    yield own
    try:
        yield (own / (own / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return


def _borrowed_objects(git_directories: Iterable[Path]) -> Iterator[Path]:
    """Object stores of other repositories that this one reads from (`git clone --shared`, `--reference`)."""
    for directory in git_directories:
        try:
            lines = (directory / "objects" / "info" / "alternates").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            continue
        yield from ((directory / "objects" / line).resolve() for line in lines)
