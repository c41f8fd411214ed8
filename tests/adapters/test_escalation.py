"""Escalation: the steps of a policy, whose keys go along, and whether the next tool is set up at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters import get
from adapters.escalation import Step, command_for, env_for, step_at, steps_of

KEY = {"secret": "CLAUDE_KEY"}
ENV = {
    "OPENAI_API_BASE": "http://127.0.0.1:11434/v1",
    "OPENAI_API_KEY": "sk-first",
    "ANTHROPIC_API_KEY": {"secret": "FIRST"},
    "DEPLOY_TARGET": "staging",
}


def document(*steps: Any, tool: str = "aider") -> dict[str, Any]:
    return {
        "tool": tool,
        "command": {"exe": tool, "args": ["--message", "Fix"]},
        "env": ENV,
        "metadata": {"retry_policy": {"escalate_to": list(steps)}},
    }


@pytest.mark.parametrize(
    ("policy", "steps"),
    [
        (None, ()),
        ("none", ()),
        ("retry_same", ()),
        ("escalate_to_codex", (Step("codex"),)),
        ({"rules": []}, ()),
        ({"escalate_to": ["codex", {"tool": "claude"}]}, (Step("codex"), Step("claude"))),
        (
            {"escalate_to": [{"tool": "claude", "model": "opus", "args": ["--max-turns", "3"], "env": {"A": "b"}}]},
            (Step("claude", "opus", ("--max-turns", "3"), {"A": "b"}),),
        ),
    ],
)
def test_the_steps_of_a_policy(policy: Any, steps: tuple[Step, ...]) -> None:
    assert steps_of(policy) == steps


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        ("aider", set(ENV)),
        ("codex", {"OPENAI_API_KEY", "OPENAI_API_BASE", "DEPLOY_TARGET"}),
        ("claude", {"ANTHROPIC_API_KEY", "DEPLOY_TARGET"}),
        ("gemini", {"DEPLOY_TARGET"}),
        ("tests", {"DEPLOY_TARGET"}),
    ],
)
def test_keys_and_addresses_go_along_only_to_a_tool_that_reads_them(tool: str, names: set[str]) -> None:
    assert set(env_for(document(tool), tool, Step(tool))) == names


def test_a_step_brings_its_own_environment() -> None:
    step = Step("claude", env={"ANTHROPIC_API_KEY": KEY})
    assert env_for(document(step), "claude", step) == {"DEPLOY_TARGET": "staging", "ANTHROPIC_API_KEY": KEY}


def test_a_level_leads_to_its_step_unless_a_person_chose_another_tool() -> None:
    job = document("codex", {"tool": "claude", "model": "opus"})
    assert step_at(job, 2, "claude") == Step("claude", "opus")
    assert step_at(job, 2, "gemini") is step_at(job, 3, "claude") is step_at(job, 0, "aider") is None


@pytest.mark.parametrize(
    ("step", "args"),
    [
        (Step("codex", "gpt-5", ("-c", "a=b")), ["exec", "--model", "gpt-5", "-", "-c", "a=b"]),
        (Step("claude", "opus"), ["--model", "opus", "-p"]),
        (Step("opencode", "x/y"), ["run", "--model", "x/y"]),
        (Step("gemini", "", ("--debug",)), ["--debug"]),
        (Step("aider", "big"), ["--model", "big", "--message", "Go on"]),
    ],
)
def test_a_step_carries_model_and_arguments(step: Step, args: list[str]) -> None:
    command = command_for(step, "Go on", {})
    assert command["args"] == args
    assert get(step.tool).prompt_of({"tool": step.tool, "command": command}) == "Go on"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with claude and codex, and a home without any login."""
    for name in ("claude", "codex"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    return tmp_path


def test_a_tool_without_key_and_login_is_not_set_up(host: Path) -> None:
    said = get("claude").set_up({})
    assert said == "claude is not set up: no key is given (ANTHROPIC_API_KEY), and it is not logged in on this host"
    assert get("claude").set_up({"ANTHROPIC_API_KEY": ""}) == ""  # a stored secret, whose value is not known here
    (host / "home" / ".claude.json").write_text("{}")
    assert get("claude").set_up({}) == ""


def test_a_tool_that_is_not_installed_is_not_set_up(host: Path) -> None:
    assert get("gemini").set_up({"GEMINI_API_KEY": "x"}) == "gemini is not set up: gemini is not installed on this host"


def test_nothing_is_said_against_a_tool_that_needs_no_key(host: Path) -> None:
    assert get("shell").set_up({}) == ""
