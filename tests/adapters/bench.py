"""A workbench for adapters: a repository, stand-ins for the tools on PATH, and what they were given."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters import Context, Ending, Evidence, JobResult, Verdict, execute, get
from adapters.gitinfo import GitChange

CHANGED = GitChange("a" * 40, "b" * 40, 0, 0, 1, 1, ("greeting.py",))
UNCHANGED = GitChange("a" * 40, "a" * 40, 0, 0, 0, 0)

# What a tool does that does its work.
EDITS = "echo more >> greeting.py"
# What every stand-in does first: note what it was given.
NOTES = """#!/bin/sh
printf '%s\\0' "$@" > {notes}/argv
env -0 > {notes}/env
pwd > {notes}/cwd
cat > {notes}/stdin
cat {notes}/stdout
cat {notes}/stderr >&2
{body}
exit {exit_code}
"""


@dataclass
class Bench:
    root: Path
    template: Path  # a repository to copy, once somebody looks
    bin: Path = field(init=False)
    home: Path = field(init=False)
    notes: Path = field(init=False)
    attempt: Path = field(init=False)
    secrets: dict[str, str] = field(default_factory=dict)
    # One for all would let two tests that run at once end each other's processes.
    marker: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.bin, self.home = self.root / "bin", self.root / "home"
        self.notes, self.attempt = self.root / "notes", self.root / "attempt"
        for place in (self.bin, self.home, self.notes, self.attempt):
            place.mkdir()

    @property
    def repo(self) -> Path:
        place = self.root / "repo"
        if not place.exists():
            shutil.copytree(self.template, place)
        return place

    def stand_in(self, name: str, stdout: str = "", exit_code: int = 0, *, stderr: str = "", body: str = "") -> Path:
        """Put a program on PATH that prints what the real one printed."""
        (self.notes / "stdout").write_text(stdout)
        (self.notes / "stderr").write_text(stderr)
        path = self.bin / name
        path.write_text(NOTES.format(notes=self.notes, body=body, exit_code=exit_code))
        path.chmod(0o755)
        return path

    def job(self, tool: str, *args: str, exe: str = "", stdin: str | None = None, **metadata: Any) -> dict[str, Any]:
        command: dict[str, Any] = {"exe": exe or tool, "args": list(args)}
        if stdin is not None:
            command["stdin"] = stdin
        return {
            "job_id": "job-1",
            "run_id": "run-1",
            "workstream_id": "ws-1",
            "tool": tool,
            "command": command,
            "paths": {
                "repo_root": str(self.root / "repo"),
                "log_file": "logs/job.log",
                "error_report": "logs/job.error.json",
            },
            "metadata": {"timeout_seconds": 20, **metadata},
        }

    @property
    def tool_dir(self) -> Path:
        """Where the tool leaves its reports."""
        place = self.attempt / "tool"
        place.mkdir(exist_ok=True)
        return place

    def context(self, **more: Any) -> Context:
        assert self.repo.is_dir()
        server_env = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home), "DATABASE_URL": "sqlite:///secret"}
        return Context(self.attempt, self.marker, **{"server_env": server_env, "secrets": self.secrets, **more})

    def run(self, job: Mapping[str, Any], **context: Any) -> tuple[JobResult, Verdict]:
        if any(self.attempt.iterdir()):  # an attempt runs once
            self.attempt = self.root / f"attempt-{uuid.uuid4().hex[:8]}"
            self.attempt.mkdir()
        result, verdict, _ = execute(get(job["tool"]), dict(job), self.context(**context))
        return result, verdict

    def argv(self) -> list[str]:
        return (self.notes / "argv").read_text().split("\0")[:-1]

    def env(self) -> dict[str, str]:
        entries = (self.notes / "env").read_text().split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry)

    def stdin(self) -> str:
        return (self.notes / "stdin").read_text()

    def log(self) -> str:
        return (self.repo / "logs/job.log").read_text()

    def judged(
        self,
        tool: str,
        log: str,
        exit_code: int | None = 0,
        *,
        git: GitChange | None = UNCHANGED,
        git_trouble: str = "",
        metadata: Mapping[str, Any] | None = None,
        args: tuple[str, ...] = (),
        **ending: Any,
    ) -> Verdict:
        """The verdict on a log, without running anything."""
        (self.attempt / "output.log").write_text(log)
        end = Ending.from_dict({"ended_by": "exit", "exit_code": exit_code, "ended_at": 1_800_000_000.0, **ending})
        evidence = Evidence(self.attempt, git, git_trouble=git_trouble)
        return get(tool).classify(self.job(tool, *args, **(metadata or {})), end, evidence)


def make_repository(place: Path) -> Path:
    place.mkdir()
    (place / "greeting.py").write_text('def greet(name):\n    return "Hello, " + name + "!"\n')
    author = ["-c", "user.name=Tester", "-c", "user.email=tester@localhost"]
    for words in (["init", "-q", "--template="], ["add", "."], [*author, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    return place
