"""Retry policy: pure rules, no database, for what follows an attempt. The value in `metadata.retry_policy` becomes a Policy."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, assert_never

from adapters.escalation import Step, steps_of
from adapters.verdict import Reason, Verdict

# The work failed in a way that another try, or another tool, may fix.
WORK = frozenset(
    {
        Reason.EXIT_CODE,
        Reason.TESTS_FAILED,
        Reason.EDIT_FAILED,
        Reason.NO_CHANGE,
        Reason.EMPTY_ANSWER,
        Reason.WROTE_BUT_READING,
        Reason.CRASHED,
        Reason.TIMEOUT,
        Reason.STALLED,
        Reason.CONTEXT_OVERFLOW,
        Reason.OVERLOADED,
        Reason.RATE_LIMITED,
        Reason.NETWORK,
        Reason.REFUSED,
        Reason.QUOTA,
    }
)
# We could not run it, or had to hand it back: never escalates, and never uses the budget of the work.
OURS = frozenset({Reason.INFRA, Reason.LOST})
LOST_TRIES = 8
INFRA_TRIES = 3
PARK_S = 900.0  # a quota without a reset time is tried again after a quarter of an hour
PARK_TRIES = 20
MAX_PARKED_S = 31 * 86_400.0  # whatever a tool says: no quota lasts longer


class Backoff(StrEnum):
    IMMEDIATE = "immediate"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    FIBONACCI = "fibonacci"

    def factor(self, n: int) -> float:
        """By how much the base is multiplied before retry `n`, from 1."""
        match self:
            case Backoff.IMMEDIATE:
                return 0.0
            case Backoff.LINEAR:
                return float(n)
            case Backoff.EXPONENTIAL:
                return 2.0 ** min(n - 1, 60)
            case Backoff.FIBONACCI:
                return fibonacci(n)
            case _:
                assert_never(self)


@dataclass(frozen=True)
class Rule:
    """Retry on these reasons or exit codes, `times` times per escalation level, after a back-off."""

    on: frozenset[str] = frozenset({"any"})
    exit_codes: frozenset[int] = frozenset()
    times: int = 1
    backoff: Backoff = Backoff.IMMEDIATE
    base_s: float = 5.0
    cap_s: float = 600.0
    jitter: float = 0.0

    def matches(self, reason: str, exit_code: int | None) -> bool:
        if exit_code is not None and exit_code in self.exit_codes:
            return True
        return reason in self.on or ("any" in self.on and reason in WORK)

    def delay_s(self, n: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds before retry `n` (from 1). With jitter j the delay lies in [d * (1 - j), d], so the cap holds."""
        delay = min(self.cap_s, self.base_s * self.backoff.factor(n))
        return delay * (1 - self.jitter * chance())


def fibonacci(n: int) -> float:
    before, now = 0, 1
    for _ in range(min(n, 200) - 1):
        before, now = now, before + now
    return float(now)


@dataclass(frozen=True)
class Policy:
    rules: tuple[Rule, ...] = ()
    escalation_chain: tuple[Step, ...] = ()
    parks: bool = True  # wait for a reset time that the tool told
    quarantines: bool = True  # the same error again and again needs a person

    @classmethod
    def parse(cls, value: Any) -> "Policy":
        """`none`, `retry_same`, `escalate_to_<tool>`, or the general object of the schema. Absent: park only."""
        if value is None:
            return cls()
        if isinstance(value, dict):
            return cls(tuple(_rule(rule) for rule in value.get("rules", [])), steps_of(value))
        if value == "none":
            return cls(parks=False)
        if value == "retry_same":
            return cls((Rule(times=2, backoff=Backoff.EXPONENTIAL),), quarantines=False)  # it promises to end as failed
        return cls((Rule(times=1),), steps_of(value))

    @property
    def tries(self) -> int:
        """Attempts with one tool: the first, and the retries of the rule that allows most."""
        return 1 + max((rule.times for rule in self.rules), default=0)

    @property
    def most_attempts(self) -> int | None:
        """With all tools, however they fail; None without rules: interruptions and parking do not count."""
        if not self.rules and not self.escalation_chain:
            return None
        return (1 + sum(rule.times for rule in self.rules)) * (1 + len(self.escalation_chain))


def _rule(rule: dict[str, Any]) -> Rule:
    return Rule(
        on=frozenset(rule.get("on", [] if rule.get("exit_codes") else ["any"])),
        exit_codes=frozenset(rule.get("exit_codes", [])),
        times=rule.get("times", 1),
        backoff=Backoff(rule.get("backoff", Backoff.IMMEDIATE)),
        base_s=rule.get("base_seconds", 5.0),
        cap_s=rule.get("cap_seconds", 600.0),
        jitter=rule.get("jitter", 0.0),
    )


@dataclass(frozen=True)
class Past:
    """One earlier attempt of the job, as far as the rules care."""

    reason: str
    exit_code: int | None
    escalation_level: int
    signature: str = ""
    parked: bool = False


class FollowUp(StrEnum):
    """What happens to the job when one of its attempts has ended."""

    DONE = "done"
    REVIEW = "review"
    RETRY = "retry"
    REQUEUE = "requeue"  # interrupted: it runs again at once
    PARK = "park"  # waits for a limit of the tool's provider to reset
    ESCALATE = "escalate"
    QUARANTINE = "quarantine"
    FAIL = "fail"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Decision:
    action: FollowUp
    delay_s: float = 0.0
    tool: str = ""
    level: int = 0  # of an escalation: the step that is reached
    sentence: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def decide(
    policy: Policy,
    verdict: Verdict,
    exit_code: int | None,
    history: Sequence[Past],
    *,
    escalation_level: int,
    repeatable: bool = True,
    review: bool = False,
    now: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> Decision:
    """What follows. `history` holds every attempt of this life of the job, the one that just ended last."""
    reason = verdict.reason
    if verdict.success:
        return Decision(FollowUp.REVIEW if review else FollowUp.DONE)
    if reason in OURS:
        return _ours(verdict, history, repeatable)
    told_when = verdict.reset_at is not None or (reason == Reason.QUOTA and policy.rules)
    if policy.parks and told_when and sum(past.parked for past in history) < PARK_TRIES:
        wait = min(MAX_PARKED_S, max(1.0, verdict.reset_at - now)) if verdict.reset_at is not None else PARK_S
        return Decision(FollowUp.PARK, delay_s=wait, sentence=f"Parked until the {reason.value} limit resets.")
    at_this_level = [
        past
        for past in history
        if past.escalation_level == escalation_level and past.reason not in OURS and not past.parked
    ]
    for rule in policy.rules:
        if rule.matches(reason, exit_code):
            used = sum(rule.matches(past.reason, past.exit_code) for past in at_this_level)  # counts this one too
            if used <= rule.times:
                delay = rule.delay_s(used, chance)
                return Decision(FollowUp.RETRY, delay_s=delay, sentence=f"Retry {used} of {rule.times}.")
    if escalation_level < len(policy.escalation_chain) and (
        reason in WORK or any(rule.matches(reason, exit_code) for rule in policy.rules)
    ):
        return Decision(
            FollowUp.ESCALATE,
            tool=policy.escalation_chain[escalation_level].tool,
            level=escalation_level + 1,
            sentence=f"Escalated to {policy.escalation_chain[escalation_level].tool}.",
        )
    tried = [past for past in history if past.reason not in OURS and not past.parked]
    if policy.quarantines and len(tried) > 1 and tried[-1].signature and len({past.signature for past in tried}) == 1:
        return Decision(FollowUp.QUARANTINE, sentence=f"The same error {len(tried)} times; retries are spent.")
    return Decision(FollowUp.TIMEOUT if reason in (Reason.TIMEOUT, Reason.STALLED) else FollowUp.FAIL)


def _ours(verdict: Verdict, history: Sequence[Past], repeatable: bool) -> Decision:
    reason = verdict.reason
    in_a_row = 0
    for past in reversed(history):
        if past.reason not in OURS:
            break
        in_a_row += past.reason == reason  # two that alternate do not reset each other's count
    if reason == Reason.LOST:
        if not repeatable:
            return Decision(FollowUp.QUARANTINE, sentence="It was interrupted and may not be repeated by itself.")
        if in_a_row <= LOST_TRIES:
            return Decision(FollowUp.REQUEUE, sentence="Interrupted; it runs again.")
        return Decision(FollowUp.QUARANTINE, sentence=f"Interrupted {in_a_row} times in a row.")
    if verdict.details.get("permanent") or in_a_row > INFRA_TRIES:
        return Decision(FollowUp.FAIL, sentence=verdict.summary)
    return Decision(
        FollowUp.RETRY, delay_s=float(5 * 2 ** (in_a_row - 1)), sentence="Engine could not run it; it tries again."
    )
