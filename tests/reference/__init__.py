"""The Engine Quick Reference as it was published, and a workspace in which its snippets run unmodified."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
TEXT = Path(__file__).with_name("engine-quick-reference.md").read_text(encoding="utf-8")

_FENCED = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|^(?P<indent> *)```\w*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_POWERSHELL = re.compile(r'^\$env:(\w+) = "(.*)"$', re.MULTILINE)
# Prints the address that it was given, as a tool that answers at once.
_AIDER = '#!/bin/sh\necho "OLLAMA_API_BASE is $OLLAMA_API_BASE"\necho change >> changed.txt\n'


def _blocks() -> dict[str, str]:
    found, heading = dict[str, str](), ""
    for match in _FENCED.finditer(TEXT):
        if match["heading"]:
            heading = match["heading"]
            continue
        assert heading not in found, f"two code blocks below {heading!r}"
        found[heading] = dedent(match["code"])
    return found


BLOCKS = _blocks()  # the code block below each heading


def powershell_variables(heading: str) -> dict[str, str]:
    """What a block sets with `$env:NAME = "value"`."""
    return dict(_POWERSHELL.findall(BLOCKS[heading]))


def without_powershell(heading: str) -> str:
    """A block's lines for bash and zsh."""
    lines = BLOCKS[heading].splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("$env:"))


@dataclass(frozen=True)
class Workspace:
    """A git repository with the reference's job files, a stand-in for aider on PATH, and a new database."""

    home: Path

    @property
    def repo(self) -> Path:
        return self.home / "repo"

    @property
    def database(self) -> Path:
        return self.home / "data" / "engine.db"

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in the repository unless `cwd` is given."""
        return subprocess.run(
            command, cwd=cwd or self.repo, env=self._environment() | environment, capture_output=True, text=True
        )

    def shell(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("bash", "-euc", script, **environment)

    def python(self, script: str) -> list[str]:
        """The lines that a script prints."""
        done = self.run("python", "-c", script)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def _environment(self) -> dict[str, str]:
        programs = (self.home / "bin", Path(sys.executable).parent, "/usr/local/bin", "/usr/bin", "/bin")
        return {
            "PATH": ":".join(map(str, programs)),
            "HOME": str(self.home),
            "ENGINE_DATA_DIR": str(self.home / "data"),
        }


def make_workspace(home: Path) -> Workspace:
    space = Workspace(home)
    job = BLOCKS["Job File Format"]
    files = {
        "schema/jobs/aider_job.example.json": job,
        "path/to/job.json": job.replace("job-2025-11-21-001", "job-of-path"),
        "test_job.json": job.replace("job-2025-11-21-001", "job-of-test"),
    }
    for name, text in files.items():
        path = space.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    aider = home / "bin" / "aider"
    aider.parent.mkdir()
    aider.write_text(_AIDER)
    aider.chmod(0o755)
    assert space.run("git", "init", "--quiet").returncode == 0
    return space
