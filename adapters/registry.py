"""Registry of the tools. Another adapter is one line in BUILT_IN, or an entry point in the group `engine.adapters`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points

from adapters.errors import UnknownTool
from adapters.interface import Adapter, AdapterInterface, Job, JobResult
from adapters.tools.aider import AiderAdapter, run_aider_job
from adapters.tools.claude import ClaudeAdapter, run_claude_job
from adapters.tools.codex import CodexAdapter, run_codex_job
from adapters.tools.copilot import CopilotAdapter, run_copilot_job
from adapters.tools.gemini import GeminiAdapter, run_gemini_job
from adapters.tools.git import GitAdapter, run_git_job
from adapters.tools.opencode import OpencodeAdapter, run_opencode_job
from adapters.tools.shell import ShellAdapter, run_shell_job
from adapters.tools.test_command import TestsAdapter, run_tests_job

GROUP = "engine.adapters"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
log = logging.getLogger("engine.adapters")
Runner = Callable[[Job], JobResult]

# One line per tool: its adapter, and the function that the Quick Reference calls.
BUILT_IN: tuple[tuple[Adapter, Runner], ...] = (
    (AiderAdapter(), run_aider_job),
    (CodexAdapter(), run_codex_job),
    (ClaudeAdapter(), run_claude_job),
    (GeminiAdapter(), run_gemini_job),
    (OpencodeAdapter(), run_opencode_job),
    (CopilotAdapter(), run_copilot_job),
    (TestsAdapter(), run_tests_job),
    (GitAdapter(), run_git_job),
    (ShellAdapter(), run_shell_job),
)

TOOL_RUNNERS: dict[str, Runner] = {adapter.name: runner for adapter, runner in BUILT_IN}


def adapters() -> dict[str, Adapter]:
    """Every tool by name: the built-in ones, and what installed packages bring."""
    return dict(_all())


def get(name: str) -> Adapter:
    """Raises UnknownTool, with the nearest name."""
    known = _all()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        raise UnknownTool(f"unknown tool {name!r}; {hint}")
    return known[name]


def reload() -> None:
    """Look at the entry points again; for a long process after a package was installed."""
    _all.cache_clear()


@cache
def _all() -> dict[str, Adapter]:
    found = {adapter.name: adapter for adapter, _ in BUILT_IN}
    for point in entry_points(group=GROUP):
        # One broken package must not take the other tools away.
        try:
            loaded = point.load()
            adapter = loaded() if isinstance(loaded, type) else loaded
            accept(point.name, adapter, found)
        except Exception as error:
            log.warning("the adapter %r from %s is left out: %s", point.name, point.value, error)
    return found


def accept(name: str, adapter: object, known: dict[str, Adapter]) -> None:
    """Add one adapter to `known`. Raises ValueError if it does not fit; a name that is taken stays with its owner."""
    if not NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} must be 1 to 40 small letters, digits, _ or -, and begin with a letter")
    if name in known:
        raise ValueError(f"the name {name!r} is taken; choose another")
    if not isinstance(adapter, Adapter):
        missing = sorted(part for part in _parts() if not hasattr(adapter, part))
        raise ValueError(f"it lacks {', '.join(missing)}; subclass adapters.ToolAdapter")
    if adapter.name != name:
        raise ValueError(f"the entry point is named {name!r}, but the adapter says {adapter.name!r}")
    known[name] = adapter
    TOOL_RUNNERS.setdefault(name, adapter.run_job)


def _parts() -> set[str]:
    return {part for part in (*vars(AdapterInterface), *vars(Adapter)) if not part.startswith("_")}
