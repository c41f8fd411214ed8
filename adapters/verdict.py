"""Verdicts: one vocabulary for all tools, kept apart from the raw exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    OK = "ok"  # the work was done
    NO_CHANGE = "no_change"  # ended well, but a change was expected and there is none
    EMPTY_ANSWER = "empty_answer"  # ended well, but the model said and did nothing
    WROTE_BUT_READING = "wrote_but_reading"  # changed files although the job declares that it only reads
    DENIED = "denied"  # the tool was not allowed to do what it needed
    AUTH = "auth"  # no key, a wrong key, or no right to use it
    QUOTA = "quota"  # used up until a reset or a payment
    RATE_LIMITED = "rate_limited"  # too many requests for the moment
    OVERLOADED = "overloaded"  # the model's server is in trouble
    NETWORK = "network"  # the model's server cannot be reached
    CONTEXT_OVERFLOW = "context_overflow"  # the conversation is too long for the model
    MODEL_MISSING = "model_missing"  # no such model
    EDIT_FAILED = "edit_failed"  # the model's edit could not be applied
    LIMIT_HIT = "limit_hit"  # a limit of turns or money that the job itself set
    TESTS_FAILED = "tests_failed"  # the work runs, and is wrong
    REFUSED = "refused"  # the job, as written, is not accepted by engine, tool or model
    STALLED = "stalled"  # no output for too long
    TIMEOUT = "timeout"  # took too long
    CANCELLED = "cancelled"  # a person stopped it
    LOST = "lost"  # its worker died
    INFRA = "infra"  # could not be run at all
    CRASHED = "crashed"  # ended by a signal, or without the ending it owes
    EXIT_CODE = "exit_code"  # failed, and nothing more is known


STATUSES = {
    Reason.OK: "completed",
    Reason.TIMEOUT: "timeout",
    Reason.STALLED: "timeout",
    Reason.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class Verdict:
    """`rule` names the rule that decided, `evidence` quotes what it decided on; `reset_at` is in epoch seconds."""

    reason: Reason
    summary: str
    rule: str
    evidence: tuple[str, ...] = ()
    reset_at: float | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return self.reason is Reason.OK

    @property
    def status(self) -> str:
        return STATUSES.get(self.reason, "failed")
