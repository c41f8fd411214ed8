"""What is known of an attempt that Engine stopped: the limit, and what the tool's log holds up to there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import Reason
from tests.adapters.bench import Bench


def lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


ANSWER = {
    "id": "m1",
    "usage": {"input_tokens": 7, "output_tokens": 3},
    "content": [{"type": "text", "text": "I look."}],
}
# Each log ends where the tool waits for something.
LOGS: dict[str, tuple[str, str, dict[str, int]]] = {
    "claude": (
        lines(
            {"type": "system", "subtype": "init", "session_id": "s1"},
            {"type": "assistant", "session_id": "s1", "message": ANSWER},
            {"type": "system", "subtype": "api_retry", "error_status": None},
        ),
        "waiting for the network",
        {"input_tokens": 7, "output_tokens": 3},
    ),
    "codex": (
        lines(
            {"type": "thread.started", "thread_id": "s1"},
            {"type": "turn.completed", "usage": {"input_tokens": 7, "output_tokens": 3}},
            {"type": "turn.started"},
            {"type": "item.started", "item": {"type": "command_execution", "command": "make test"}},
        ),
        "running make test",
        {"input_tokens": 7, "output_tokens": 3},
    ),
    "gemini": (
        lines(
            {"type": "init", "session_id": "s1"},
            {"type": "tool_use", "tool_id": "1", "tool_name": "run_shell_command"},
        ),
        "running run_shell_command",
        {},
    ),
    "opencode": (
        lines(
            {"type": "step_start", "sessionID": "s1", "part": {}},
            {
                "type": "step_finish",
                "sessionID": "s1",
                "part": {"reason": "tool-calls", "tokens": {"input": 7, "output": 3}},
            },
            {"type": "step_start", "sessionID": "s1", "part": {}},
        ),
        "waiting for the model",
        {"input_tokens": 7, "output_tokens": 3},
    ),
    "aider": (
        "Tokens: 7 sent, 3 received.\nlitellm.APIConnectionError: APIConnectionError - Connection refused\nRetrying\n",
        "waiting for the network",
        {"input_tokens": 7, "output_tokens": 3},
    ),
}


@pytest.mark.parametrize("tool", LOGS)
@pytest.mark.parametrize("ended_by", ["timeout", "cancel"])
def test_a_stopped_tool_keeps_its_usage_and_session_and_what_it_was_doing(
    tool: str, ended_by: str, bench: Bench
) -> None:
    log, doing, usage = LOGS[tool]
    verdict = bench.judged(tool, log, None, ended_by=ended_by, duration_s=40.2, args=("-p", "Do it"))
    assert verdict.usage == usage
    assert verdict.summary.endswith(f"; it was {doing}") and verdict.details["doing"] == doing
    if tool != "aider":
        assert verdict.details["session_id"] == "s1"


def test_what_had_reported_its_end_was_doing_nothing(bench: Bench) -> None:
    log = lines({"type": "system", "subtype": "init"}, {"type": "result", "subtype": "success", "result": "Done."})
    verdict = bench.judged("claude", log, None, ended_by="timeout", duration_s=40)
    assert "it was" not in verdict.summary


@pytest.mark.parametrize(
    ("limit", "reason", "words"),
    [
        ({"timeout_seconds": 0.3}, Reason.TIMEOUT, "ran longer than its limit of 0.3 s"),
        ({"idle_timeout_seconds": 0.3}, Reason.STALLED, "wrote nothing for 0.3 s"),
    ],
)
def test_the_sentence_names_the_limit_and_not_only_the_time_it_took(
    limit: dict[str, float], reason: Reason, words: str, bench: Bench
) -> None:
    bench.stand_in("sh", body="")
    job = {**bench.job("shell", "-c", "exec sleep 20", exe="/bin/sh", **limit)}
    verdict = bench.run(job)[1]
    assert verdict.reason is reason
    assert verdict.summary.startswith("Stopped after ") and verdict.summary.endswith(f": the tool {words}")
