"""Claude Code: `subtype` says "success" for API errors, and a denied edit exits 0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import Reason
from adapters.gitinfo import GitChange
from tests.adapters.bench import CHANGED, UNCHANGED, Bench

INIT = {
    "type": "system",
    "subtype": "init",
    "session_id": "867893ad",
    "model": "claude-x",
    "permissionMode": "acceptEdits",
}
RETRY = {"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 2, "error_status": 500}
USAGE = {"input_tokens": 12, "output_tokens": 34, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 6}


def log(**result: Any) -> str:
    end = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "num_turns": 2,
        "result": "Done.",
        "session_id": "867893ad",
        "total_cost_usd": 0.064,
        "usage": USAGE,
        "permission_denials": [],
        **result,
    }
    return "".join(json.dumps(event) + "\n" for event in (INIT, end))


def failed(text: str, status: int | None = None, **more: Any) -> str:
    return log(is_error=True, result=text, api_error_status=status, terminal_reason="api_error", **more)


DENIED = [{"tool_name": "Write", "tool_use_id": "1", "tool_input": {}}]
CASES: dict[str, tuple[str, int, GitChange, Reason]] = {
    "done": (log(), 0, CHANGED, Reason.OK),
    "wrong key": (failed("Invalid API key · Fix external API key", 401), 1, UNCHANGED, Reason.AUTH),
    "not logged in": (failed("Not logged in · Please run /login"), 1, UNCHANGED, Reason.AUTH),
    "overloaded": (failed("API Error: 529 Overloaded", 529), 1, UNCHANGED, Reason.OVERLOADED),
    "500": (failed("API Error: 500 fake error", 500), 1, UNCHANGED, Reason.OVERLOADED),
    "429": (failed("API Error: Rate limited", 429), 1, UNCHANGED, Reason.RATE_LIMITED),
    "quota": (failed("Claude AI usage limit reached|1800003600", 429), 1, UNCHANGED, Reason.QUOTA),
    "no money": (failed("Your credit balance is too low to access the API", 400), 1, UNCHANGED, Reason.QUOTA),
    "no such model": (
        failed("There's an issue with the selected model (x). It may not exist", 404),
        1,
        UNCHANGED,
        Reason.MODEL_MISSING,
    ),
    "unreachable": (failed("API Error: Unable to connect to API (ConnectionRefused)"), 1, UNCHANGED, Reason.NETWORK),
    "too long": (
        log(is_error=True, terminal_reason="prompt_too_long", result="Prompt is too long"),
        1,
        UNCHANGED,
        Reason.CONTEXT_OVERFLOW,
    ),
    "turns": (log(subtype="error_max_turns", is_error=True), 1, CHANGED, Reason.LIMIT_HIT),
    "money": (log(subtype="error_max_budget_usd", is_error=True), 1, CHANGED, Reason.LIMIT_HIT),
    "denied": (log(permission_denials=DENIED), 0, UNCHANGED, Reason.DENIED),
    "denied one of many": (log(permission_denials=DENIED), 0, CHANGED, Reason.OK),
    "refused": (log(stop_reason="refusal", result="I can't help with that."), 0, UNCHANGED, Reason.REFUSED),
    "interrupted": (
        log(subtype="error_during_execution", terminal_reason="aborted_tools"),
        0,
        UNCHANGED,
        Reason.CRASHED,
    ),
    "no result": (json.dumps(INIT) + "\n", 0, UNCHANGED, Reason.CRASHED),
    "wrong flag": ("error: unknown option '--nonsense'\n", 1, UNCHANGED, Reason.EXIT_CODE),
    "root": (
        "--dangerously-skip-permissions cannot be used with root/sudo privileges\n",
        1,
        UNCHANGED,
        Reason.EXIT_CODE,
    ),
    "terminal codes after the result": (log() + "\x1b[?1006l\x1b]0;\x07\x1b[?25h", 0, CHANGED, Reason.OK),
}


@pytest.mark.parametrize("case", CASES)
def test_the_result_event_decides(case: str, bench: Bench) -> None:
    text, exit_code, change, reason = CASES[case]
    body = "echo more >> greeting.py" if change.changed else ""
    bench.stand_in("claude", text, exit_code, stderr="a note\n", body=body)
    result, verdict = bench.run(bench.job("claude", "-p", "Fix the bug"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)


def test_usage_and_cost_are_the_results(bench: Bench) -> None:
    verdict = bench.judged("claude", log())
    assert verdict.usage == {**USAGE, "cost_usd": 0.064}
    assert verdict.details["session_id"] == "867893ad" and verdict.details["text"] == "Done."


def test_a_used_up_limit_tells_when_it_ends(bench: Bench) -> None:
    assert bench.judged("claude", CASES["quota"][0], 1).reset_at == 1_800_003_600.0
    event = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_800_007_200}}
    assert bench.judged("claude", json.dumps(event) + "\n" + CASES["429"][0], 1).reset_at == 1_800_007_200.0


def test_its_flags_keep_repository_settings_out_and_let_it_edit(bench: Bench) -> None:
    bench.stand_in("claude", log())
    bench.run(bench.job("claude", "Fix the bug"))
    assert bench.argv() == [
        "-p",
        "--verbose",
        "--output-format",
        "stream-json",
        "--setting-sources",
        "user",
        "--permission-mode",
        "acceptEdits",
        "Fix the bug",
    ]
    assert bench.env()["CLAUDE_CODE_MAX_RETRIES"] == "2" and bench.env()["DISABLE_AUTOUPDATER"] == "1"


def test_what_the_person_asked_for_is_not_overruled(bench: Bench) -> None:
    bench.stand_in("claude")
    args = ("-p", "x", "--output-format=json", "--setting-sources", "user,project", "--permission-mode=plan")
    bench.run(bench.job("claude", *args))
    assert bench.argv() == list(args)


def test_a_job_that_only_reads_gets_no_leave_to_edit(bench: Bench) -> None:
    bench.stand_in("claude")
    bench.run(bench.job("claude", "-p", "x", access="read"))
    assert "acceptEdits" not in bench.argv()
    assert "--disallowedTools=Edit,MultiEdit,Write,NotebookEdit" in bench.argv()


def test_a_prompt_on_stdin_stays_there(bench: Bench) -> None:
    bench.stand_in("claude")
    bench.run(bench.job("claude", "-p", stdin="Fix the bug\n"))
    assert bench.stdin() == "Fix the bug\n"
