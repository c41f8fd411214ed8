"""Executables: which program a job's `command.exe` means, and whether this adapter may run it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath

from adapters.environment import build, matches
from adapters.errors import BadCommand, MissingExecutable


def resolve(
    exe: str,
    *,
    tool: str,
    known: Collection[str],
    allowed: Collection[str] | None,
    env: Mapping[str, str],
    repo_root: Path,
    cwd: Path,
) -> str:
    """The absolute path of the program, found on the PATH that the tool itself gets.

    Raises BadCommand as `permit` does, and MissingExecutable.
    """
    permit(exe, tool=tool, known=known, allowed=allowed)
    if "/" not in exe:
        found = shutil.which(exe, path=env.get("PATH", os.defpath))
        if found is None:
            raise MissingExecutable(f"{exe} is not on this host's PATH; install it or set command.exe to its path")
        return found if Path(found).is_absolute() else str(cwd / found)
    place = cwd / exe
    if not Path(exe).is_absolute() and not place.resolve().is_relative_to(repo_root):
        raise BadCommand(f"command.exe {exe!r} leads out of the repository; use an absolute path")
    if not place.is_file() or not os.access(place, os.X_OK):
        words = "is not executable" if place.exists() else "does not exist"
        raise MissingExecutable(f"command.exe {place} {words}; install it or set command.exe to its path")
    return str(place)


def permit(exe: str, *, tool: str, known: Collection[str], allowed: Collection[str] | None) -> None:
    """Whether this server lets the tool run the program, wherever it may lie. Raises BadCommand.

    `known` holds patterns of base names; empty means any program. `allowed` (names or absolute paths) adds to it;
    where nothing is known it is the whole list, and None allows everything.
    """
    listed = exe in (allowed or ())
    if known and not is_known(exe, known) and not listed:
        raise BadCommand(
            f"command.exe {exe!r} is not a program that the tool {tool!r} runs; use {_either(known)}, "
            "choose another tool, or let the administrator allow it"
        )
    if not known and allowed is not None and not listed:
        raise _not_allowed(exe, allowed)


def is_known(exe: str, known: Collection[str]) -> bool:
    return matches(PurePath(exe).name, known)


def _not_allowed(exe: str, allowed: Collection[str]) -> BadCommand:
    return BadCommand(
        f"command.exe {exe!r} is not among the programs that this server allows ({_either(allowed)}); "
        "use one of them, or let the administrator add it"
    )


def _either(names: Collection[str]) -> str:
    return " or ".join(sorted(names)) or "none"


def version_line(path: str, own_env: Mapping[str, str], timeout_s: float) -> str:
    """The first line of `--version`; empty if the program does not say."""
    env = build({}, server_env=os.environ, own=own_env, secrets={}, allowed=(), job_id="", marker="")
    try:
        done = subprocess.run(
            [path, "--version"], timeout=timeout_s, capture_output=True, stdin=subprocess.DEVNULL, env=env.values
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines and done.returncode == 0 else ""
