"""Scan of a repository for files that make a tool run or redirect things before its model is asked.

A warning, not a wall: a tool may run anything that its operating-system user may.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters import gitinfo

REDIRECTS = re.compile(rb"^\s*(?:export\s+)?(?:AIDER_\w+|\w+_(?:API_BASE|BASE_URL))\s*=", re.MULTILINE)
MAX_FILE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Finding:
    """`neutralised`: the adapter's own flags or variables keep it from having an effect."""

    tool: str
    path: str
    effect: str
    neutralised: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


# (tool, files, what they can do, whether our flags prevent it). A pattern that ends with / means any file below.
KNOWN: tuple[tuple[str, tuple[str, ...], str, bool], ...] = (
    ("aider", (".aider.conf.yml",), "can set commands that aider runs, and where it sends its requests", False),
    ("aider", (".aider.model.settings.yml", ".aider.model.metadata.json"), "can change aider's requests", False),
    ("claude", (".claude/settings.json", ".claude/settings.local.json"), "can run hooks and redirect requests", True),
    ("claude", (".mcp.json",), "can start programs", True),
    ("codex", (".codex/config.toml",), "can start programs and redirect requests", True),
    ("gemini", (".gemini/settings.json",), "can start programs and run hooks", True),
    ("copilot", (".mcp.json", ".github/hooks/"), "can start programs if COPILOT_ALLOW_ALL is set", True),
    ("opencode", ("opencode.json", "opencode.jsonc", ".opencode/opencode.json"), "can start programs", True),
    ("opencode", (".opencode/plugin/", ".opencode/plugins/"), "is code that opencode runs, whatever flags say", False),
    ("tests", ("conftest.py", "tests/conftest.py"), "is code that pytest runs before any test", False),
)
# These read an address for their requests from a .env of the repository.
ENV_FILES = (("aider", (".env",)), ("gemini", (".env", ".gemini/.env")))


def scan(working_dir: str | Path, tool: str | None = None) -> list[Finding]:
    """What lies in the working directory or at the top of its repository, for one tool or for all."""
    if tool is not None and all(tool != name for name, *_ in (*KNOWN, *ENV_FILES)):
        return []
    here = Path(working_dir).resolve()
    places = list(dict.fromkeys((gitinfo.root_of(here) or here, here)))
    found = [
        Finding(name, _shown(place / pattern, places[0]), effect, neutralised)
        for name, patterns, effect, neutralised in KNOWN
        for pattern in patterns
        for place in places
        if tool in (None, name) and _is_there(place, pattern)
    ]
    for name, files in ENV_FILES:
        for path in (place / file for file in files for place in places if tool in (None, name)):
            if _redirects(path):
                found.append(Finding(name, _shown(path, places[0]), f"can redirect {name}'s requests", False))
    return found


def _is_there(place: Path, pattern: str) -> bool:
    path = place / pattern
    return any(path.iterdir()) if pattern.endswith("/") and path.is_dir() else path.is_file()


def _redirects(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return REDIRECTS.search(file.read(MAX_FILE_BYTES)) is not None
    except OSError:
        return False


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
