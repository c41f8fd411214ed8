"""A retry policy in one line: `2 × aider, then codex, then claude`."""

from typing import Any

from jobs.services.policy import Policy


def in_words(tool: str, value: Any) -> str:
    if value is None:
        return "no retry"
    policy = Policy.parse(value)
    tries = 1 + max((rule.times for rule in policy.rules), default=0)
    words = [f"{tries} × {tool}" if tries > 1 else tool, *policy.ladder]
    if tries == 1 and not policy.ladder:
        return "no retry"
    return ", then ".join(words)
