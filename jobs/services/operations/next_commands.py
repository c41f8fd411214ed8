"""Commands of attempts that a person asks for: another tool's, and one that is given a reviewer's wishes."""

from typing import Any

from adapters import registry
from adapters.errors import AdapterError, UnknownTool
from adapters.escalation import Step, step_at
from jobs.errors import InvalidDocument, NotFound
from jobs.models import Job
from jobs.services.outcome.handoff import build_handoff, last_verdict, prompt_of

Command = dict[str, Any]


def escalation(job: Job, tool: str, command: Command | None = None) -> tuple[Command, dict[str, Any]]:
    """The command for `tool`, built by its adapter unless one is given, and the context of the latest attempt.

    Raises InvalidDocument if no tool is named or it cannot take over, NotFound if it does not exist.
    """
    if not tool:
        raise InvalidDocument("Choose the tool to try next.")
    try:
        adapter = registry.get(tool)
    except UnknownTool as unknown:
        raise NotFound(str(unknown)) from None
    if command is not None:
        return command, {}
    last = job.latest_attempt()
    try:
        if last is None:
            return adapter.command_for_prompt(prompt_of(job, job.tool), job.document()), {}
        step = step_at(job.spec, job.escalation_level + 1, tool) or Step(tool)
        handoff = build_handoff(job, last, last_verdict(last), step)
    except AdapterError as refusal:  # a tool without a model cannot take over
        raise InvalidDocument(f"Job {job.job_id} cannot be handed over: {refusal}.") from None
    return handoff.pop("command"), handoff


def with_changes(job: Job, message: str) -> Command:
    """The command of a new attempt with the same tool, which is given the prompt and the reviewer's message.

    Raises InvalidDocument if the tool takes no prompt.
    """
    prompt = f"{prompt_of(job, job.tool)}\n\nA reviewer asks for changes:\n{message}"
    try:
        return registry.get(job.tool).command_for_prompt(prompt, job.document())
    except AdapterError as refusal:
        raise InvalidDocument(f"Job {job.job_id} cannot be told what to change: {refusal}.") from None
