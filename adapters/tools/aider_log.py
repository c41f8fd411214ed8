"""Reading aider's log: its exit code is 0 for nearly everything, so the lines it prints must tell what happened."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from adapters import rules
from adapters.evidence import mapping, plain
from adapters.facts import Told
from adapters.process.spec import Ending
from adapters.verdict import Reason, Verdict

TOKENS = re.compile(
    r"Tokens: (\S+) sent(?:, (\S+) cache write)?(?:, (\S+) cache hit)?, (\S+) received\."
    r"(?:\s+Cost: \$(\S+) message, \$(\S+) session\.)?"
)
LITELLM = re.compile(r"litellm\.(\w+Error|Timeout)[:.].*")
LITELLM_REASONS = {
    "AuthenticationError": Reason.AUTH,
    "PermissionDeniedError": Reason.AUTH,
    "NotFoundError": Reason.MODEL_MISSING,
    "ContextWindowExceededError": Reason.CONTEXT_OVERFLOW,
    "RateLimitError": Reason.RATE_LIMITED,
    "InternalServerError": Reason.OVERLOADED,
    "ServiceUnavailableError": Reason.OVERLOADED,
    "BadGatewayError": Reason.OVERLOADED,
    "Timeout": Reason.NETWORK,
    "APIConnectionError": Reason.NETWORK,
}
ANSWERED = re.compile(r"litellm\.APIConnectionError: \w+Exception - \s*\{")  # a server was there, and said no
BAD_EDIT = ("did not conform to the edit format", "SearchReplaceNoExactMatch")
COMMIT = re.compile(r"Commit [0-9a-f]{7,40} ")


# A section of its history of requests; every line of an answer has the role before it, so no answer can look like one.
SECTION = re.compile(r"(TO LLM|LLM RESPONSE) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
ROLE = "ASSISTANT "
LEAST_TURNS = 3  # it gives up after so many turns, never earlier


def own_lines(lines: Iterable[str], history: bytes) -> Iterator[str]:
    """The lines of the log that aider itself printed: the model's own text, which it prints as it comes, is left out.

    Without `history`, which the job may have turned off, all lines are there.
    """
    said = Counter(_answers(history))
    for line in lines:
        parts = line.splitlines() or [line]
        if line.strip() and all(said[part.strip()] > 0 for part in parts):
            said.subtract(part.strip() for part in parts)
        else:
            yield line


def _answers(history: bytes) -> Iterator[str]:
    """Each line of each answer, without its role."""
    is_answer = False
    for raw in history.split(b"\n"):
        line = plain(raw)
        if section := SECTION.fullmatch(line):
            is_answer = section[1] == "LLM RESPONSE"
        elif is_answer and line.startswith(ROLE):
            yield line.removeprefix(ROLE).strip()


@dataclass
class Reading(Told):
    """What one pass over the log found; a finding is dropped when a later line shows that aider got over it."""

    error: str = ""
    bad_edit: str = ""
    too_long: str = ""
    empty: str = ""
    gave_up: str = ""
    turns: int = 0

    def read(self, line: str) -> None:
        if found := TOKENS.search(line):
            self.error = ""
            self.turns += 1
            self._count(found)
        elif found := LITELLM.search(line):
            self.error = found[0]
        elif "Empty response received from LLM" in line:
            self.empty = line
        elif "has hit a token limit!" in line:
            self.too_long = line
        elif line.startswith("Applied edit to "):
            self.bad_edit = self.empty = self.too_long = ""
        elif COMMIT.match(line):
            self.error = ""  # the request that failed was the one for a commit message
        elif "reflections allowed, stopping" in line and self.turns >= LEAST_TURNS:
            self.gave_up = line
        elif any(words in line for words in BAD_EDIT):
            self.bad_edit = line

    def count(self, analytics: bytes) -> None:
        """Take the figures from aider's local analytics, which no model writes to, where they are."""
        sent = [event for event in _events(analytics) if event.get("event") == "message_send"]
        if not analytics:
            return
        for key in ("input_tokens", "output_tokens", "cost_usd"):
            self.usage.pop(key, None)
        figures = [mapping(event.get("properties")) or event for event in sent]
        for ours, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")):
            if figures:
                self.usage[ours] = sum(_integer(one.get(theirs)) for one in figures)
        if figures and isinstance(cost := figures[-1].get("total_cost"), int | float) and cost:
            self.usage["cost_usd"] = cost

    def _count(self, found: re.Match[str]) -> None:
        sent, written, hit, received, _, session = found.groups()
        told = {
            "input_tokens": sent,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": hit,
            "output_tokens": received,
        }
        for key, text in told.items():
            if text:
                self.usage[key] = self.usage.get(key, 0) + _number(text)
        if session:
            self.usage["cost_usd"] = _number(session)


def by_litellm(error: str, ending: Ending) -> Verdict:
    kind = LITELLM.search(error)
    reason = LITELLM_REASONS.get(kind[1] if kind else "")
    by_text = rules.api_reason(error.partition(" - ")[2])
    if ANSWERED.search(error):
        reason = by_text or Reason.OVERLOADED
    elif reason in (None, Reason.RATE_LIMITED) and by_text:
        reason = by_text
    reason = reason or Reason.EXIT_CODE
    sentence = "The model's server refused the request"
    if reason in rules.SENTENCES:
        sentence = rules.sentence_for(reason, error)
    reset_at = rules.reset_time(error, ending.ended_at) if reason in rules.WAITING else None
    return Verdict(reason, rules.cut(f"{sentence}: {error}"), "aider:litellm", (rules.cut(error),), reset_at)


def unanswered(analytics: bytes) -> bool:
    """Its local analytics: each request begins with one event, and only an answer brings the other."""
    begun = False
    for event in (one.get("event") for one in _events(analytics)):
        if event in ("message_send_starting", "message_send"):
            begun = event == "message_send_starting"
    return begun


def _events(analytics: bytes) -> Iterator[dict[str, Any]]:
    for line in analytics.splitlines():
        try:
            yield mapping(json.loads(line))
        except (ValueError, RecursionError):
            continue


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _number(text: str) -> float:
    scale = {"k": 1000, "M": 1_000_000}.get(text[-1:], 1)
    try:
        number = float(text.rstrip("kM").replace(",", "")) * scale
    except ValueError:
        return 0
    return int(number) if number == int(number) and (scale > 1 or text.isdigit()) else number
