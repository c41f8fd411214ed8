"""GitHub Copilot's CLI: its last event says exitCode 0 also when it was killed, and a denied edit exits 0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import Reason, get
from adapters.errors import BadCommand
from tests.adapters.bench import CHANGED, Bench

BEGUN = {"type": "assistant.turn_start", "data": {"turnId": "0"}}
END = {"type": "result", "sessionId": "s1", "exitCode": 0, "usage": {"premiumRequests": 0}}
SAID = {"type": "assistant.message", "data": {"content": "Done: I made the change."}}


def log(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in (BEGUN, *events))


def error(message: str, status: int | None, kind: str = "query") -> str:
    told = {"errorType": kind, "message": message, "statusCode": status}
    return log({"type": "session.error", "data": told}, {**END, "exitCode": 1})


# As recorded from version 1.0.102 against a server on loopback.
FAILURES = {
    "wrong key": (error("Authentication failed with provider (HTTP 401).", 401, "authentication"), Reason.AUTH),
    "500": (error("internal server error", 500), Reason.OVERLOADED),
    "429": (error("Too many requests", 429, "rate_limit"), Reason.RATE_LIMITED),
    "quota": (error("You have exceeded your premium request allowance: quota", 402), Reason.QUOTA),
    "unreachable": (error("fetch failed: connect ECONNREFUSED", None), Reason.NETWORK),
    "no login": ("Error: No authentication information found.\n", Reason.AUTH),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_told_by_its_last_error(case: str, bench: Bench) -> None:
    text, reason = FAILURES[case]
    assert bench.judged("copilot", text, 1, args=("-p", "x")).reason is reason


def test_an_error_that_an_answer_followed_is_none(bench: Bench) -> None:
    told = {"type": "session.error", "data": {"message": "internal server error", "statusCode": 500}}
    assert bench.judged("copilot", log(told, SAID, END), git=CHANGED, args=("-p", "x")).reason is Reason.OK


def test_its_last_event_is_not_believed_when_a_signal_ended_it(bench: Bench) -> None:
    verdict = bench.judged("copilot", log(SAID, END), None, signal=15, args=("-p", "x"), git=CHANGED)
    assert verdict.reason is Reason.CRASHED


def test_without_a_result_it_did_not_finish(bench: Bench) -> None:
    assert bench.judged("copilot", log(SAID), git=CHANGED, args=("-p", "x")).reason is Reason.CRASHED


def test_tokens_come_from_its_usage_file(bench: Bench) -> None:
    figures = {"inputTokens": 22, "outputTokens": 14, "cacheReadTokens": 3, "cacheWriteTokens": 0}
    told = {"modelMetrics": {"a": {"usage": figures}, "b": {"usage": figures}}, "totalPremiumRequestCost": 2}
    bench.stand_in("copilot", log(SAID, END), body=f"echo more >> greeting.py; {_save(json.dumps(told))}")
    verdict = bench.run(bench.job("copilot", "-p", "x"))[1]
    assert verdict.reason is Reason.OK and verdict.details["session_id"] == "s1"
    assert verdict.usage == {
        "input_tokens": 44,
        "output_tokens": 28,
        "cache_read_input_tokens": 6,
        "cache_creation_input_tokens": 0,
        "premium_requests": 2,
    }


def _save(text: str) -> str:
    """What a stand-in does to write to the file that `--usage-output-file` names."""
    return (
        'while [ $# -gt 0 ]; do [ "$1" = --usage-output-file ] && file=$2; shift; done; '
        f"printf '%s' '{text}' > \"$file\""
    )


def test_what_keeps_it_from_waiting_is_added(bench: Bench) -> None:
    bench.stand_in("copilot", log(SAID, END))
    bench.run(bench.job("copilot", "-p", "Fix it", expect_changes=False))
    argv = bench.argv()
    assert argv[-2:] == ["-p", "Fix it"]
    assert {"--no-ask-user", "--no-auto-update", "--no-color", "--allow-tool=write"} <= set(argv)
    assert argv[argv.index("--output-format") + 1] == "json"
    assert bench.env()["COPILOT_AUTO_UPDATE"] == "false"


def test_a_command_that_waits_for_a_person_is_refused(bench: Bench) -> None:
    bench.stand_in("copilot")
    with pytest.raises(BadCommand, match="waits for a person"):
        get("copilot").prepare(bench.job("copilot", "-i", "Fix it"), bench.context())
