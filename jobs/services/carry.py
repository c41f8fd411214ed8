"""What an escalated attempt is told of the one before: the prompt, the end of its log, what failed."""

from typing import Any

from adapters import registry
from adapters.verdict import Verdict
from jobs.models import Job, StepAttempt

TAIL_BYTES = 6000


def carried_from(job: Job, attempt: StepAttempt, verdict: Verdict, tool: str) -> dict[str, Any]:
    """The context for `tool`, with its new `command`, built by its own adapter and not by cutting strings."""
    document = job.document()
    prompt = registry.get(attempt.step_name).prompt_of(document) or job.title
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


def log_tail(attempt: StepAttempt) -> str:
    try:
        with open(attempt.directory / "output.log", "rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
