"""Handoff: what an escalated attempt gets to know of the one before: the prompt, the telling part of its log, what failed."""

from typing import Any

from adapters import escalation, registry
from adapters.errors import NotSetUp, UnknownTool
from adapters.escalation import Step
from adapters.evidence import Evidence
from adapters.verdict import Reason, Verdict
from jobs.models import Job, Node, StepAttempt

TAIL_BYTES = 6000
BEFORE_ERROR = 10  # lines
MOST_LINE = 400  # characters: an event of a tool may hold a whole file


def build_handoff(job: Job, attempt: StepAttempt, verdict: Verdict, step: Step) -> dict[str, Any]:
    """The context for the step's tool, with its new `command`, built by its own adapter and not by cutting strings.

    Raises AdapterError if the tool takes no prompt.
    """
    document = job.document()
    prompt = prompt_of(job, attempt.step_name)
    failing = verdict.details.get("failing") or []
    part = relevant_log(attempt, verdict)
    told = [prompt.strip(), f"\nAn earlier attempt with {attempt.step_name} ended like this: {verdict.summary}"]
    if failing:
        told.append("These tests fail:\n" + "\n".join(f"- {name}" for name in failing[:30]))
    if part:
        told.append(f"From its log:\n{part}")
    return {
        "cause": "escalated",
        "from_tool": attempt.step_name,
        "from_attempt": attempt.number,
        "prompt": prompt,
        "told": "\n\n".join(told),
        "reason": verdict.reason.value,
        "failing": failing[:30],
        "log_tail": part,
        "command": escalation.command_for(step, "\n\n".join(told), document),
    }


def require_set_up(job: Job, step: Step) -> None:
    """Raises NotSetUp where it is known that the tool cannot work. With several workers, another one may have it."""
    if Node.objects.alive().count() > 1:
        return
    adapter = registry.get(step.tool)
    env = escalation.env_for(job.spec, step.tool, step)
    found = adapter.set_up({name: "" if isinstance(value, dict) else str(value) for name, value in env.items()})
    if found:
        raise NotSetUp(found)


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


def relevant_log(attempt: StepAttempt, verdict: Verdict) -> str:
    """What of the log tells the next tool something: from shortly before the first error, in whole lines.

    A tool that reports in events is quoted with its last words and its own notes instead of with its events.
    """
    evidence = Evidence(attempt.directory)
    words = str(verdict.details.get("text") or "").strip()
    notes = evidence.notes(TAIL_BYTES)
    lines = [line for line in evidence.tail(TAIL_BYTES).splitlines() if line.strip()]
    if words and len(notes) < len(lines):
        return "\n".join([words, *(line[:MOST_LINE] for line in notes if line.strip())])
    first = attempt.first_error_line
    if first is not None:
        skipped = max(0, attempt.log_lines - len(lines))  # lines before those read here
        lines = lines[max(0, first - 1 - skipped - BEFORE_ERROR) :]
    return "\n".join(line[:MOST_LINE] for line in lines).strip()
