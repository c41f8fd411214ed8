"""A retry policy in one line: `2 × aider, then codex, then claude`."""

from typing import Any

from jobs.services.outcome.retry_policy import Policy


def in_words(tool: str, value: Any) -> str:
    if value is None:
        return "no retry"
    policy = Policy.parse(value)
    words = [f"{policy.tries} × {tool}" if policy.tries > 1 else tool, *policy.ladder]
    if policy.tries == 1 and not policy.ladder:
        return "no retry"
    return ", then ".join(words)


def most_attempts(value: Any) -> int | None:
    return Policy.parse(value).most_attempts
