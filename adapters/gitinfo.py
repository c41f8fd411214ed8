"""Git facts: cheap ones about a working tree before and after an attempt: an exit code does not tell what was done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adapters.text import cut

MAX_FILES = 5000  # of a tree with more changed files than this, the rest is compared by status only
# What running things leaves behind; not anybody's work.
LITTER = frozenset(
    {
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".aider.tags.cache.v4",
        ".aider.chat.history.md",
        ".aider.input.history",
        ".aider.llm.history",
    }
)
LOOK_TIMEOUT_S = 10.0
# A checked-out repository must not make our own look at it run something.
SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat", "--no-optional-locks")

QUIET = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


NOBODY = {"user.name": "Engine", "user.email": "engine@localhost"}


class GitUnknown(Exception):
    """git did not say what was asked; the text is git's own words."""


@dataclass(frozen=True)
class TreeState:
    """`head` is empty before the first commit; `dirty` maps each changed path to its state, age and size."""

    root: str
    head: str
    dirty: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class GitChange:
    base_head: str
    head: str
    dirty_before: int
    dirty_after: int
    changed_files: int
    commits: int
    files: tuple[str, ...] = ()  # the first of them, for a person to read

    @property
    def changed(self) -> bool:
        return self.base_head != self.head or self.changed_files > 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def git(cwd: str | Path, *arguments: str, env: Mapping[str, str] | None = None) -> str | None:
    """The output of a git command; None if it failed, hung or there is no git."""
    try:
        return ask(cwd, *arguments, env=env)
    except GitUnknown:
        return None


def ask(
    cwd: str | Path, *arguments: str, timeout_s: float = LOOK_TIMEOUT_S, env: Mapping[str, str] | None = None
) -> str:
    """The output of a git command. Raises GitUnknown."""
    home = os.environ if env is None else env
    kept = {name: home[name] for name in ("HOME", "XDG_CONFIG_HOME") if name in home}
    try:
        done = subprocess.run(
            ["git", *SAFE, *arguments],
            cwd=cwd,
            timeout=timeout_s,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**QUIET, **kept, "PATH": os.environ.get("PATH", os.defpath)},
        )
    except subprocess.TimeoutExpired as error:
        raise GitUnknown(f"git {arguments[0]} took longer than {timeout_s:g} s; run it there once by hand") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise GitUnknown(f"git could not be started: {error}") from error
    if done.returncode != 0:
        words = cut(done.stderr.decode("utf-8", "replace"))
        raise GitUnknown(words or f"git {arguments[0]} ended with exit code {done.returncode} and no words")
    return done.stdout.decode("utf-8", "surrogateescape")


def root_of(path: str | Path) -> Path | None:
    """The top of the working tree that holds `path`, without asking git."""
    place = os.path.realpath(path)
    while not os.path.exists(os.path.join(place, ".git")):  # noqa: PTH110, PTH118 - each start walks up
        above = os.path.dirname(place)  # noqa: PTH120
        if above == place:
            return None
        place = above
    return Path(place)


def look(path: str | Path, ignore: Collection[str | Path] = (), timeout_s: float = LOOK_TIMEOUT_S) -> TreeState | None:
    """The state of the tree that holds `path`; None outside of one. `ignore`: the engine's own files.

    Raises GitUnknown.
    """
    root = root_of(path)
    if root is None:
        return None
    output = ask(root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", timeout_s=timeout_s)
    ignored = [(root / place).relative_to(root) for place in ignore if (root / place).is_relative_to(root)]
    head = ""
    dirty: dict[str, str] = {}
    for entry, name in _entries(output):
        if entry.startswith("# branch.oid "):
            head = entry.removeprefix("# branch.oid ").replace("(initial)", "")
        elif name and LITTER.isdisjoint(name.split("/")) and not _is_ours(entry, name, ignored):
            dirty[name] = entry if len(dirty) >= MAX_FILES else f"{entry} {_age(root / name)}"
    return TreeState(str(root), head, dirty)


def compare(base: TreeState | None, after: TreeState | None) -> GitChange | None:
    """What lies between two looks; None if there was no repository before. Raises GitUnknown."""
    if base is None:
        return None
    if after is None:
        raise GitUnknown(f"the repository {base.root} is no longer there")
    touched = {name for name in {*base.dirty, *after.dirty} if base.dirty.get(name) != after.dirty.get(name)}
    commits = 0
    if base.head != after.head:
        span = f"{base.head}..{after.head}" if base.head else after.head
        commits = int(ask(after.root, "rev-list", "--count", span)) if after.head else 0
        if base.head and after.head:
            names = ask(after.root, "diff", "--name-only", "-z", "--no-ext-diff", base.head, after.head)
        else:
            names = ask(after.root, "ls-tree", "-r", "--name-only", "-z", after.head or base.head)
        touched |= {name for name in names.split("\0") if name}
    return GitChange(
        base.head, after.head, len(base.dirty), len(after.dirty), len(touched), commits, tuple(sorted(touched)[:50])
    )


def has_identity(cwd: str | Path, env: Mapping[str, str]) -> bool:
    """Whether commits made there, by a tool with that environment, have an author."""
    return all(git(cwd, "config", "--get", key, env=env) for key in ("user.name", "user.email"))


def author_env(cwd: str | Path, env: Mapping[str, str]) -> dict[str, str]:
    """An author for commits where the host has none: git refuses without, aider writes one into the repository."""
    if any(name.startswith("GIT_CONFIG") for name in env) or has_identity(cwd, env):
        return {}
    author = {"GIT_CONFIG_COUNT": str(len(NOBODY))}
    for number, (key, value) in enumerate(NOBODY.items()):
        author |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return author


def _entries(output: str) -> Iterator[tuple[str, str]]:
    """(everything but the path, path) of each entry of `status --porcelain=v2 -z`; a header has no path."""
    fields = {"1": 8, "2": 9, "u": 10, "?": 1}
    entries = iter(output.split("\0"))
    for entry in entries:
        count = fields.get(entry[:1])
        if count is None:
            yield entry, ""
            continue
        parts = entry.split(" ", count)
        if entry[0] == "2":
            next(entries, "")  # the old name of a renamed file
        yield " ".join(parts[:-1]), parts[-1]


def _is_ours(entry: str, name: str, own: Collection[Path]) -> bool:
    """Whether it is a file of Engine's: one of `own`, or an untracked one beside it, which is another job's log."""
    path = Path(name)
    return any(
        path.is_relative_to(place)
        or (entry.startswith("?") and place.parent.name and (path.parent, path.suffix) == (place.parent, place.suffix))
        for place in own
    )


def _age(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError:
        return "gone"
    return f"{found.st_mtime_ns} {found.st_size}"
