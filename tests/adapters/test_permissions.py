"""Permissions: what is added to a command so that a tool may, or may not, act without asking."""

from __future__ import annotations

from typing import Any

import pytest

from adapters import get
from adapters.permissions import Permissions
from tests.adapters.bench import Bench

READ, OWN, EDIT, FULL = Permissions.READ, Permissions.OWN, Permissions.EDIT, Permissions.FULL
FLAGS: dict[str, dict[Permissions, tuple[str, ...]]] = {
    "claude": {
        READ: ("--permission-mode", "default", "--disallowedTools=Edit,MultiEdit,Write,NotebookEdit"),
        EDIT: ("--permission-mode", "acceptEdits"),
        FULL: ("--permission-mode", "bypassPermissions"),
    },
    "codex": {
        READ: ("--sandbox", "read-only"),
        EDIT: ("--sandbox", "workspace-write"),
        FULL: ("--sandbox", "danger-full-access"),
    },
    "gemini": {
        READ: ("--approval-mode", "default"),
        EDIT: ("--approval-mode", "auto_edit"),
        FULL: ("--approval-mode", "yolo"),
    },
    "copilot": {
        READ: ("--deny-tool=write", "--deny-tool=shell"),
        EDIT: ("--allow-tool=write",),
        FULL: ("--allow-all-tools",),
    },
    "opencode": {READ: ("--agent", "plan")},
    "aider": {READ: ("--chat-mode", "ask", "--dry-run", "--no-auto-commits", "--no-dirty-commits")},
}
TASK = {
    "aider": ("--message", "Fix"),
    "claude": ("-p", "Fix"),
    "codex": ("exec", "Fix"),
    "gemini": ("-p", "Fix"),
    "copilot": ("-p", "Fix"),
}
# What a person may say themselves.
OWN_WORDS = {
    "claude": ("--dangerously-skip-permissions",),
    "codex": ("-s", "read-only"),
    "copilot": ("--allow-tool=shell(git:*)",),
    "gemini": ("--yolo",),
    "opencode": ("--agent", "build"),
    "aider": ("--dry-run",),
}


def command(bench: Bench, tool: str, permissions: Permissions, *more: str, **metadata: Any) -> list[str]:
    bench.stand_in(tool)
    job = bench.job(tool, *TASK.get(tool, ("run", "Fix")), *more, **metadata)
    added = get(tool).permission_flags(job, permissions)
    argv = get(tool).prepare(job, bench.context(permissions=permissions)).argv
    assert not added or " ".join(added) in " ".join(argv)  # what is shown is what is started
    return list(argv)


@pytest.mark.parametrize("tool", FLAGS)
@pytest.mark.parametrize("permissions", [OWN, EDIT, FULL])
def test_what_the_server_says_is_added(tool: str, permissions: Permissions, bench: Bench) -> None:
    wanted = FLAGS[tool].get(permissions, ())
    argv = command(bench, tool, permissions)
    assert get(tool).permission_flags(bench.job(tool, *TASK.get(tool, ("run", "Fix"))), permissions) == wanted
    others = {word for flags in FLAGS[tool].values() for word in flags} - set(wanted)
    assert others.isdisjoint(argv)


@pytest.mark.parametrize("tool", FLAGS)
@pytest.mark.parametrize("permissions", [OWN, EDIT, FULL])
def test_a_job_that_only_reads_is_told_so_whatever_the_server_says(
    tool: str, permissions: Permissions, bench: Bench
) -> None:
    assert " ".join(FLAGS[tool][READ]) in " ".join(command(bench, tool, permissions, access="read"))


@pytest.mark.parametrize("tool", FLAGS)
def test_what_the_command_says_itself_stands(tool: str, bench: Bench) -> None:
    job = bench.job(tool, *TASK.get(tool, ("run", "Fix")), *OWN_WORDS[tool])
    assert [get(tool).permission_flags(job, one) for one in Permissions] == [()] * len(Permissions)


@pytest.mark.parametrize("tool", FLAGS)
def test_a_raw_command_gets_none_also_when_it_only_reads(tool: str, bench: Bench) -> None:
    job = bench.job(tool, *TASK.get(tool, ("run", "Fix")), raw_command=True, access="read")
    assert get(tool).permission_flags(job, FULL) == ()
    assert command(bench, tool, FULL, raw_command=True, access="read")[1:] == job["command"]["args"]


@pytest.mark.parametrize("tool", FLAGS)
def test_the_info_of_a_tool_lists_what_each_word_adds(tool: str) -> None:
    listed = get(tool).get_tool_info()["permissions"]
    assert listed == {name.value: list(flags) for name, flags in FLAGS[tool].items()}
