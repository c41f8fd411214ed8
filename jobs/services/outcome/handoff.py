"""Handoff: what an escalated attempt gets to know of the one before: the prompt, the end of its log, what failed."""

from typing import Any

from adapters import registry
from adapters.errors import UnknownTool
from adapters.verdict import Reason, Verdict
from jobs.models import Job, StepAttempt

TAIL_BYTES = 6000


def build_handoff(job: Job, attempt: StepAttempt, verdict: Verdict, tool: str) -> dict[str, Any]:
    """The context for `tool`, with its new `command`, built by its own adapter and not by cutting strings."""
    document = job.document()
    prompt = prompt_of(job, attempt.step_name)
    failing = verdict.details.get("failing") or []
    tail = log_tail(attempt)
    told = [prompt.strip(), f"\nAn earlier attempt with {attempt.step_name} ended like this: {verdict.summary}"]
    if failing:
        told.append("These tests fail:\n" + "\n".join(f"- {name}" for name in failing[:30]))
    if tail:
        told.append(f"The end of its log:\n{tail}")
    return {
        "cause": "escalated",
        "from_tool": attempt.step_name,
        "from_attempt": attempt.number,
        "prompt": prompt,
        "reason": verdict.reason.value,
        "failing": failing[:30],
        "log_tail": tail,
        "command": registry.get(tool).command_for_prompt("\n\n".join(told), document),
    }


def prompt_of(job: Job, tool: str) -> str:
    """What `tool` was told to do; the title where it takes no prompt, or is no longer installed."""
    try:
        return registry.get(tool).prompt_of(job.document()) or job.title
    except UnknownTool:
        return job.title


def last_verdict(attempt: StepAttempt) -> Verdict:
    """A program may have recorded a reason of its own."""
    said = attempt.verdict
    reason = Reason(attempt.reason) if attempt.reason in Reason else Reason.EXIT_CODE
    return Verdict(reason, said.get("summary", ""), said.get("rule", ""), details=said.get("details", {}))


def log_tail(attempt: StepAttempt) -> str:
    try:
        with open(attempt.directory / "output.log", "rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
