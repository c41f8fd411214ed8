"""Escalation: the steps of a retry policy, and what of a job's environment goes along to the next tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters import registry
from adapters.environment import matches
from schema.options import JobOptions

# What names a key or the address of a model's server: it belongs to the tool that reads it.
FOR_ONE_TOOL = re.compile(r".*(?:_API_KEY|_AUTH_TOKEN|_OAUTH_TOKEN|_API_BASE|_BASE_URL|_API_VERSION|_API_TYPE)$")


@dataclass(frozen=True)
class Step:
    """One entry of `escalate_to`. `env` None: a plain name, which says nothing of its own."""

    tool: str
    model: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, Any] | None = field(default=None, repr=False)


def steps_of(policy: Any) -> tuple[Step, ...]:
    """Of a `metadata.retry_policy`."""
    if isinstance(policy, str) and policy.startswith("escalate_to_"):
        return (Step(policy.removeprefix("escalate_to_")),)
    if not isinstance(policy, Mapping):
        return ()
    return tuple(_step(entry) for entry in policy.get("escalate_to") or ())


def _step(entry: Any) -> Step:
    if not isinstance(entry, Mapping):
        return Step(str(entry))
    words = tuple(str(word) for word in entry.get("args") or ())
    return Step(str(entry["tool"]), str(entry.get("model") or ""), words, entry.get("env"))


def step_at(document: Mapping[str, Any], level: int, tool: str) -> Step | None:
    """The step that leads to `level`, if it is one of the policy's; a person may have chosen another tool."""
    steps = steps_of(JobOptions.from_document(document).retry_policy)
    found = steps[level - 1] if 0 < level <= len(steps) else None
    return found if found and found.tool == tool else None


def env_for(document: Mapping[str, Any], tool: str, step: Step | None) -> dict[str, Any]:
    """The environment of an attempt with `tool`: keys and addresses of other tools stay behind."""
    env = dict(document.get("env") or {})
    if tool == document.get("tool"):
        return env | dict((step.env if step else None) or {})
    known = registry.adapters().get(tool)
    reads = known.model_env if known else ()
    kept = {name: value for name, value in env.items() if not FOR_ONE_TOOL.fullmatch(name) or matches(name, reads)}
    return kept | dict((step.env if step else None) or {})


def command_for(step: Step, prompt: str, job: dict[str, Any]) -> dict[str, Any]:
    """A `command` that gives the prompt to the step's tool, with the model and the arguments that it names.

    Raises AdapterError.
    """
    adapter = registry.get(step.tool)
    command = adapter.command_for_prompt(prompt, job)
    if step.model and any(known.name == "model" for known in adapter.fields):
        command = adapter.form_to_command({"prompt": prompt, "model": step.model})
    return {**command, "args": [*command.get("args", ()), *step.args]}
