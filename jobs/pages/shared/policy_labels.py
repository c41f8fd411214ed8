"""A retry policy in one line: `2 × aider, then 2 × codex`: the rules hold for each tool of the escalation chain."""

from typing import Any

from jobs.services.outcome.retry_policy import Policy


def in_words(tool: str, value: Any) -> str:
    if value is None:
        return "no retry"
    policy = Policy.parse(value)
    tools = [tool, *(step.tool for step in policy.escalation_chain)]
    words = [f"{policy.tries} × {name}" if policy.tries > 1 else name for name in tools]
    if policy.tries == 1 and not policy.escalation_chain:
        return "no retry"
    return ", then ".join(words)


def most_attempts(value: Any) -> int | None:
    return Policy.parse(value).most_attempts
