"""What a tool may read and write: the system, its own toolchain and settings, its working tree and its scratch directory.

Everything else is closed to it: Engine's data, other projects, other tools' keys, the rest of the home directory. Where the
kernel can hold such rules, the keeper does (`process/keeper/landlock.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.paths import Paths
from adapters.process.spec import Confine

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/snap"),
    *("/etc", "/run/systemd/resolve", "/run/resolvconf", "/proc", "/sys"),
)
DEVICES = (
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    *("/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm"),  # noqa: S108 - named semaphores live there, whatever the tool
)
# Toolchains and settings below the home directory that programs of many tools read. No keys: not .ssh, .aws, .netrc, .npmrc.
TOOLCHAINS = (
    *(
        ".gitconfig",
        ".config/git",
        ".local/bin",
        ".local/lib",
        ".local/share/pipx",
        ".local/share/uv",
        ".local/share/mise",
    ),
    *(".pyenv", ".asdf", ".nvm", ".volta", ".bun", ".deno", ".cargo", ".rustup", ".rbenv", ".gem", ".sdkman", "go"),
)
MAX_INTERPRETERS = 4  # a script whose interpreter is a script, and so on


@dataclass(frozen=True)
class Profile:
    """What a tool gets beyond the default, from its adapter and from the administrator; `~` is the tool's home."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()

    def __add__(self, other: Profile) -> Profile:
        return Profile((*self.read, *other.read), (*self.write, *other.write))


def confine(
    argv: list[str], env: Mapping[str, str], places: Paths, profile: Profile, attempt_dir: Path, own: Iterable[Path]
) -> Confine:
    """The rules for one attempt. `own` are the tool's directories for reports and for temporary files; of `attempt_dir`,
    which is Engine's, it may read its prompt and write nothing.

    Paths that do not exist are left in: they allow nothing.
    """
    home = Path(env.get("HOME") or "/nonexistent")
    top = next((place for place in (places.repo_root, *places.repo_root.parents) if (place / ".git").exists()), None)
    git = list(_git_directories(top)) if top is not None else []
    read = [
        *SYSTEM,
        *(str(home / name) for name in TOOLCHAINS),
        *(str(place) for place in _toolchain(argv[0], env, home)),
        str(attempt_dir),
        *_below_home(profile.read, home),
        *([] if top is None else [str(top)]),
        *(str(place) for place in _borrowed_objects(git)),
    ]
    write = [
        *DEVICES,
        *(str(place) for place in (places.repo_root, places.working_dir, *git)),
        *map(str, own),
        *_below_home(profile.write, home),
    ]
    return Confine(tuple(dict.fromkeys(read)), tuple(dict.fromkeys(write)))


def _below_home(names: Iterable[str], home: Path) -> Iterator[str]:
    for name in names:
        yield str(home / name[2:]) if name.startswith("~/") else name


def _toolchain(program: str, env: Mapping[str, str], home: Path) -> Iterator[Path]:
    """The directories of PATH, and where the programs in them, the tool's own and their interpreters are installed."""
    for folder in env.get("PATH", os.defpath).split(os.pathsep):
        if folder.startswith("/"):
            yield from _installation(Path(folder), home)
    place = Path(program)
    for _ in range(MAX_INTERPRETERS):
        yield from _installation(place.parent, home)
        yield from _installation(place.resolve().parent, home)
        interpreter = _interpreter(place)
        if interpreter is None:
            return
        place = interpreter


def _installation(folder: Path, home: Path) -> Iterator[Path]:
    """A directory of programs, and what stands around it if it is some installation's `bin`; with a virtualenv's base."""
    yield folder
    around = folder.parent
    if folder.name in ("bin", ".bin") and around not in (home, Path("/")) and not home.is_relative_to(around):
        yield around
        base = _base_of_virtualenv(around / "pyvenv.cfg")
        if base is not None and base != folder:
            yield from _installation(base.resolve(), home)


def _base_of_virtualenv(config: Path) -> Path | None:
    try:
        lines = config.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    homes = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home"]
    return Path(homes[0]) if homes and homes[0].startswith("/") else None


def _interpreter(script: Path) -> Path | None:
    """The program in a script's first line, unless it is found on PATH by `env`."""
    try:
        with script.open("rb") as file:
            line = file.readline(512)
    except OSError:
        return None
    words = line[2:].split() if line.startswith(b"#!") else []
    if not words or not words[0].startswith(b"/"):
        return None
    return Path(os.fsdecode(words[0]))


def _git_directories(top: Path) -> Iterator[Path]:
    """Where git keeps what belongs to the working tree; for a linked one or a submodule, that is outside of the tree."""
    own = top / ".git"
    try:
        own = (top / own.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
    except (OSError, ValueError):
        yield own  # a directory, or no repository
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
