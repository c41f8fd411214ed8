"""A command while an adapter completes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.interface import Job


@dataclass
class Draft:
    """`args` and `stdin` are the job's own to begin with."""

    args: list[str]
    stdin: bytes | None
    env: dict[str, str]
    cwd: Path
    attempt_dir: Path
    tool_dir: Path
    job: Job
    permissions: tuple[str, ...] = ()  # the flags for it

    def report_file(self, name: str) -> Path:
        """A file that the tool itself writes, in its own part of the attempt's directory, which is made here."""
        self.tool_dir.mkdir(mode=0o700, exist_ok=True)
        return self.tool_dir / name

    def add(self, *arguments: str) -> None:
        """Put flags before the person's own, so that a later one of theirs wins where we did not see it."""
        self.args[:0] = arguments
