"""Reading aider's log: its exit code is 0 for nearly everything, so the lines it prints must tell what happened."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from adapters import rules
from adapters.evidence import mapping
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


@dataclass
class Reading(Told):
    """What one pass over the log found; a finding is dropped when a later line shows that aider got over it."""

    error: str = ""
    bad_edit: str = ""
    too_long: str = ""
    empty: str = ""
    gave_up: str = ""

    def read(self, line: str) -> None:
        if found := TOKENS.search(line):
            self.error = ""
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
        elif "reflections allowed, stopping" in line:
            self.gave_up = line
        elif any(words in line for words in BAD_EDIT):
            self.bad_edit = line

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
    sentence = rules.SENTENCES.get(reason, "The model's server refused the request")
    reset_at = rules.reset_time(error, ending.ended_at) if reason in rules.WAITING else None
    return Verdict(reason, rules.cut(f"{sentence}: {error}"), "aider:litellm", (rules.cut(error),), reset_at)


def unanswered(analytics: bytes) -> bool:
    """Its local analytics: each request begins with one event, and only an answer brings the other."""
    begun = False
    for line in analytics.splitlines():
        try:
            event = mapping(json.loads(line)).get("event")
        except ValueError:
            continue
        if event in ("message_send_starting", "message_send"):
            begun = event == "message_send_starting"
    return begun


def _number(text: str) -> float:
    scale = {"k": 1000, "M": 1_000_000}.get(text[-1:], 1)
    try:
        number = float(text.rstrip("kM").replace(",", "")) * scale
    except ValueError:
        return 0
    return int(number) if number == int(number) and (scale > 1 or text.isdigit()) else number
