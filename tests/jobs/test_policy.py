"""The retry rules: finite, in order, never early, never escalating twice on one level."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.escalation import Step
from adapters.verdict import Reason, Verdict
from jobs.services.outcome.retry_policy import (
    INFRA_TRIES,
    LOST_TRIES,
    OURS,
    WORK,
    Backoff,
    Decision,
    Past,
    Policy,
    Rule,
    decide,
)

rules = st.builds(
    Rule,
    on=st.frozensets(
        st.sampled_from([*(r.value for r in Reason if r is not Reason.OK), "any"]), min_size=1, max_size=3
    ),
    exit_codes=st.frozensets(st.integers(1, 5), max_size=2),
    times=st.integers(0, 4),
    backoff=st.sampled_from(Backoff),
    base_s=st.floats(0, 100),
    cap_s=st.floats(0, 1000),
    jitter=st.floats(0, 1),
)
policies = st.builds(
    Policy,
    st.tuples(rules) | st.tuples(rules, rules),
    st.sampled_from([(), (Step("codex"),), (Step("codex"), Step("claude"))]),
    st.booleans(),
)
failures = st.sampled_from([reason for reason in Reason if reason is not Reason.OK and reason is not Reason.CANCELLED])


def verdict(reason: Reason, **more: Any) -> Verdict:
    return Verdict(reason, "it ended", "test", **more)


def play(policy: Policy, reasons: list[Reason], exit_code: int | None = 1) -> list[Decision]:
    """Let a job fail with these reasons one after the other, following each decision, until it ends."""
    history: list[Past] = []
    escalation_level, decisions = 0, []
    for index in range(10_000):
        reason = reasons[index % len(reasons)]
        history.append(Past(reason.value, exit_code, escalation_level, signature=f"s{reason}"))
        decision = decide(policy, verdict(reason), exit_code, history, escalation_level=escalation_level)
        decisions.append(decision)
        if decision.action == "park":
            history[-1] = Past(reason.value, exit_code, escalation_level, parked=True)
        elif decision.action == "escalate":
            escalation_level += 1
        elif decision.action not in ("retry", "requeue"):
            return decisions
    raise AssertionError("the job was tried forever")


@given(policies, st.lists(failures, min_size=1, max_size=4))
def test_every_budget_is_finite_and_each_rung_is_climbed_once(policy: Policy, reasons: list[Reason]) -> None:
    decisions = play(policy, reasons)
    climbed = [decision.tool for decision in decisions if decision.action == "escalate"]
    assert climbed == [step.tool for step in policy.escalation_chain[: len(climbed)]]
    assert decisions[-1].action in ("fail", "timeout", "quarantine")


@given(rules, st.integers(1, 500), st.floats(0, 1))
def test_a_delay_is_never_negative_and_never_above_its_cap(rule: Rule, n: int, chance: float) -> None:
    delay = rule.delay_s(n, lambda: chance)
    assert 0 <= delay <= rule.cap_s
    assert rule.delay_s(n, lambda: 0.0) >= delay


@given(policies, st.sampled_from(sorted(OURS)))
def test_what_engine_itself_failed_at_never_escalates(policy: Policy, reason: Reason) -> None:
    decisions = play(policy, [reason])
    assert all(decision.action != "escalate" for decision in decisions)
    assert len(decisions) == (LOST_TRIES if reason is Reason.LOST else INFRA_TRIES) + 1


@given(policies)
def test_success_is_final_or_goes_to_review(policy: Policy) -> None:
    history = [Past("ok", 0, 0)]
    assert decide(policy, verdict(Reason.OK), 0, history, escalation_level=0).action == "done"
    assert decide(policy, verdict(Reason.OK), 0, history, escalation_level=0, review=True).action == "review"


def test_lost_and_infra_attempts_do_not_use_the_budget_of_the_work() -> None:
    policy = Policy((Rule(times=1),))
    history = [Past("lost", None, 0), Past("infra", None, 0), Past("tests_failed", 1, 0)]
    assert decide(policy, verdict(Reason.TESTS_FAILED), 1, history, escalation_level=0).action == "retry"
    history.append(Past("tests_failed", 1, 0))
    assert decide(policy, verdict(Reason.TESTS_FAILED), 1, history, escalation_level=0).action == "fail"


def test_aider_fails_twice_so_codex_tries_once() -> None:
    actions = [(d.action, d.tool) for d in play(Policy.parse("escalate_to_codex"), [Reason.EDIT_FAILED])]
    assert actions[:2] == [("retry", ""), ("escalate", "codex")]
    assert [action for action, _ in actions].count("escalate") == 1


@pytest.mark.parametrize(
    ("word", "expected"), [("none", ["fail"]), (None, ["fail"]), ("retry_same", ["retry", "retry", "fail"])]
)
def test_the_words_of_the_quick_reference(word: str | None, expected: list[str]) -> None:
    assert [decision.action for decision in play(Policy.parse(word), [Reason.EXIT_CODE])] == expected


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [("immediate", [0, 0, 0]), ("linear", [5, 10, 15]), ("exponential", [5, 10, 20]), ("fibonacci", [5, 5, 10])],
)
def test_back_offs_grow_as_their_names_say(backoff: str, expected: list[float]) -> None:
    rule = Rule(backoff=Backoff(backoff), base_s=5)
    assert [rule.delay_s(n) for n in (1, 2, 3)] == expected


def test_a_rate_limit_with_a_reset_time_parks_until_then() -> None:
    told = verdict(Reason.RATE_LIMITED, reset_at=1_000.0)
    decision = decide(Policy(), told, 1, [Past("rate_limited", 1, 0)], escalation_level=0, now=940.0)
    assert (decision.action, decision.delay_s) == ("park", 60.0)


def test_none_parks_for_nothing() -> None:
    told = verdict(Reason.RATE_LIMITED, reset_at=1_000.0)
    assert (
        decide(Policy.parse("none"), told, 1, [Past("rate_limited", 1, 0)], escalation_level=0, now=940.0).action
        == "fail"
    )


def test_an_interrupted_job_that_may_not_be_repeated_asks_for_a_person() -> None:
    assert (
        decide(
            Policy(), verdict(Reason.LOST), None, [Past("lost", None, 0)], escalation_level=0, repeatable=False
        ).action
        == "quarantine"
    )


def test_a_permanent_fault_is_not_tried_again() -> None:
    told = verdict(Reason.INFRA, details={"permanent": True})
    assert decide(Policy.parse("retry_same"), told, None, [Past("infra", None, 0)], escalation_level=0).action == "fail"


def test_a_timeout_ends_as_timeout() -> None:
    assert (
        decide(Policy(), verdict(Reason.TIMEOUT), None, [Past("timeout", None, 0)], escalation_level=0).action
        == "timeout"
    )


def test_work_and_ours_share_no_reason() -> None:
    assert not WORK & OURS


def test_interruptions_and_faults_of_ours_that_take_turns_come_to_an_end() -> None:
    history: list[Past] = []
    for turn in range(40):
        reason = (Reason.LOST, Reason.INFRA)[turn % 2]
        history.append(Past(reason, None, 0))
        if decide(Policy(), Verdict(reason, "", ""), None, history, escalation_level=0).action not in (
            "requeue",
            "retry",
        ):
            return
    raise AssertionError("the job was tried forever")
