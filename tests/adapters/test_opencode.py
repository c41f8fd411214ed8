"""opencode: done is exit 0 and a last step that says stop; silence is its only sign of a failing server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import Reason, get
from tests.adapters.bench import CHANGED, EDITS, Bench

TOKENS = {"total": 2430, "input": 2398, "output": 32, "reasoning": 1, "cache": {"write": 2, "read": 3}}


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1795380243087, "sessionID": "ses_dfaf", **more}


def step(reason: str) -> dict[str, Any]:
    return event("step_finish", part={"reason": reason, "tokens": TOKENS, "cost": 0.01})


def tool(status: str, **state: Any) -> dict[str, Any]:
    return event("tool_use", part={"tool": "bash", "callID": "1", "state": {"status": status, **state}})


def error(name: str, message: str, status: int | None = None) -> dict[str, Any]:
    told = {"message": message, **({"statusCode": status, "isRetryable": False} if status else {})}
    return event("error", error={"name": name, "data": told})


def log(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in (event("step_start", part={}), *events))


SAID = event("text", part={"text": "I fixed it."})
REJECTED = tool("error", error="The user rejected permission to use this specific tool call.")
CASES = {
    "done": (log(tool("completed", metadata={"exit": 1}), step("tool-calls"), SAID, step("stop")), 0, Reason.OK),
    "auto-rejected": (log(REJECTED, step("tool-calls")), 0, Reason.DENIED),
    "auto-rejected, but goes on": (log(REJECTED, step("tool-calls"), SAID, step("stop")), 0, Reason.DENIED),
    "no last step": (log(step("tool-calls")), 0, Reason.CRASHED),
    "odd last step": (log(SAID, step("unknown")), 0, Reason.CRASHED),
    "answer too long": (log(SAID, step("length")), 0, Reason.LIMIT_HIT),
    "401": (log(error("APIError", "invalid api key", 401)), 1, Reason.AUTH),
    "404": (log(error("APIError", "model 'x' not found", 404)), 1, Reason.MODEL_MISSING),
    "429": (log(error("APIError", "Rate limit reached", 429)), 1, Reason.RATE_LIMITED),
    "503": (log(error("APIError", "no", 503)), 1, Reason.OVERLOADED),
    "too long": (
        log(error("ContextOverflowError", "maximum context length is 4096 tokens")),
        1,
        Reason.CONTEXT_OVERFLOW,
    ),
    "unknown": (
        log(error("UnknownError", "Unexpected server error. Check server logs for details.")),
        1,
        Reason.EXIT_CODE,
    ),
    "wrong flag": ("\x1b[0m\x1b[91mUnknown argument: nonsense\x1b[0m\n", 1, Reason.EXIT_CODE),
}


@pytest.mark.parametrize("case", CASES)
def test_the_last_step_decides(case: str, bench: Bench) -> None:
    text, exit_code, reason = CASES[case]
    bench.stand_in("opencode", text, exit_code, stderr="\x1b[0m\n", body=EDITS if reason is Reason.OK else "")
    result, verdict = bench.run(bench.job("opencode", "run", "Fix the bug"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)


def test_a_rejected_call_does_not_matter_when_the_work_was_done(bench: Bench) -> None:
    assert bench.judged("opencode", CASES["auto-rejected, but goes on"][0], git=CHANGED).reason is Reason.OK


def test_usage_is_the_sum_of_the_steps(bench: Bench) -> None:
    verdict = bench.judged("opencode", log(step("tool-calls"), SAID, step("stop")))
    assert verdict.usage == {
        "input_tokens": 4796,
        "output_tokens": 64,
        "reasoning_tokens": 2,
        "cache_read_input_tokens": 6,
        "cache_creation_input_tokens": 4,
        "cost_usd": 0.02,
    }
    assert verdict.details["session_id"] == "ses_dfaf" and verdict.details["text"] == "I fixed it."


@pytest.mark.parametrize(
    "args, expected",
    [
        (["Fix"], ["run", "--format", "json", "Fix"]),
        (["run", "-m", "fake/fake", "Fix"], ["run", "--format", "json", "-m", "fake/fake", "Fix"]),
        (["run", "--format=default", "Fix"], ["run", "--format=default", "Fix"]),
        (["models"], ["models"]),
    ],
)
def test_it_runs_once_with_json(args: list[str], expected: list[str], bench: Bench) -> None:
    bench.stand_in("opencode")
    command = get("opencode").prepare(bench.job("opencode", *args), bench.context())
    assert command.argv[1:] == expected
    assert command.env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1" and command.env["OPENCODE_DISABLE_AUTOUPDATE"] == "1"
    assert command.idle_timeout_s
