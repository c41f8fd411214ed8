"""What came of an attempt: one vocabulary for all tools, kept apart from the raw exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    ok = "ok"  # the work was done
    no_change = "no_change"  # ended well, but a change was expected and there is none
    denied = "denied"  # the tool was not allowed to do what it needed
    auth = "auth"  # no key, a wrong key, or no right to use it
    quota = "quota"  # used up until a reset or a payment
    rate_limited = "rate_limited"  # too many requests for the moment
    overloaded = "overloaded"  # the model's server is in trouble
    network = "network"  # the model's server cannot be reached
    context_overflow = "context_overflow"  # the conversation is too long for the model
    model_missing = "model_missing"  # no such model
    edit_failed = "edit_failed"  # the model's edit could not be applied
    limit_hit = "limit_hit"  # a limit of turns or money that the job itself set
    tests_failed = "tests_failed"  # the work runs, and is wrong
    refused = "refused"  # the job, as written, is not accepted by engine, tool or model
    stalled = "stalled"  # no output for too long
    timeout = "timeout"  # took too long
    cancelled = "cancelled"  # a person stopped it
    lost = "lost"  # its worker died
    infra = "infra"  # could not be run at all
    crashed = "crashed"  # ended by a signal, or without the ending it owes
    exit_code = "exit_code"  # failed, and nothing more is known


STATUSES = {
    Reason.ok: "completed",
    Reason.timeout: "timeout",
    Reason.stalled: "timeout",
    Reason.cancelled: "cancelled",
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
        return self.reason is Reason.ok

    @property
    def status(self) -> str:
        return STATUSES.get(self.reason, "failed")
