"""gemini: exit codes are HTTP statuses mod 256, and 0 after a signal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import AdapterError, Reason, get
from tests.adapters.bench import CHANGED, EDITS, UNCHANGED, Bench

INIT = {"type": "init", "session_id": "7e81", "model": "auto"}
STATS = {"total_tokens": 110, "input_tokens": 100, "output_tokens": 10, "cached": 4, "duration_ms": 5, "tool_calls": 1}
SUCCESS = {"type": "result", "status": "success", "stats": STATS}
SAID = (
    {"type": "message", "role": "assistant", "content": "I ", "delta": True},
    {"type": "message", "role": "assistant", "content": "did it.", "delta": True},
)
NO_TOOL = {
    "type": "tool_result",
    "tool_id": "1",
    "status": "error",
    "error": {"type": "tool_not_registered", "message": 'Tool "write_file" not found in registry.'},
}
NOTES = "Warning: Basic terminal detected (TERM=dumb).\nRipgrep is not available. Falling back to GrepTool.\n"


def log(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in (INIT, *events))


def failed(message: str) -> str:
    return log({"type": "result", "status": "error", "error": {"type": "Error", "message": message}, "stats": STATS})


CASES = {
    "done": (log(*SAID, SUCCESS), 0, Reason.OK),
    "no way to log in": ("Please set an Auth method in your settings.json\n", 41, Reason.AUTH),
    "bad input": ("No input provided via stdin.\n", 42, Reason.EXIT_CODE),
    "sandbox": ("sandbox: docker is not there\n", 44, Reason.INFRA),
    "configuration": ("Invalid configuration\n", 52, Reason.REFUSED),
    "turn limit": (log(), 53, Reason.LIMIT_HIT),
    "untrusted": ("The current workspace is not trusted.\n", 55, Reason.REFUSED),
    "interrupted": (log(), 130, Reason.CRASHED),
    "400": (failed("[API Error: bad request]"), 144, Reason.EXIT_CODE),
    "400 too long": (
        failed("The input token count exceeds the maximum number of tokens allowed"),
        144,
        Reason.CONTEXT_OVERFLOW,
    ),
    "401": (failed("[API Error: API key not valid]"), 145, Reason.AUTH),
    "403": (failed("[API Error: forbidden]"), 147, Reason.AUTH),
    "404": (failed("[API Error: models/x is not found]"), 148, Reason.MODEL_MISSING),
    "429": (failed("[API Error: Resource has been exhausted]"), 173, Reason.RATE_LIMITED),
    "quota": (failed("You exceeded your current quota. Please retry in 34.5s."), 173, Reason.QUOTA),
    "500": (failed("[API Error: internal]"), 244, Reason.OVERLOADED),
    "503": (failed("[API Error: The model is overloaded]"), 247, Reason.OVERLOADED),
    "error in a result of exit 0": (failed("[API Error: fetch failed]"), 0, Reason.NETWORK),
    "no result": (log(*SAID), 0, Reason.CRASHED),
    "loop": (
        log({"type": "error", "severity": "warning", "message": "Loop detected, stopping execution"}, SUCCESS),
        0,
        Reason.LIMIT_HIT,
    ),
    "tools not offered": (log(NO_TOOL, SUCCESS), 0, Reason.DENIED),
    "wrong flag": (
        "Unknown argument: nonsense\nUsage: gemini [options] [command]\n" + "  --flag\n" * 60,
        1,
        Reason.EXIT_CODE,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_exit_code_and_result_event_decide(case: str, bench: Bench) -> None:
    text, exit_code, reason = CASES[case]
    bench.stand_in("gemini", text, exit_code, stderr=NOTES, body=EDITS if reason is Reason.OK else "")
    result, verdict = bench.run(bench.job("gemini", "-p", "Fix the bug"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)


def test_the_sentence_is_not_the_last_line_of_the_usage(bench: Bench) -> None:
    assert "Unknown argument: nonsense" in bench.judged("gemini", CASES["wrong flag"][0], 1).summary


def test_a_quota_tells_when_it_ends(bench: Bench) -> None:
    assert bench.judged("gemini", CASES["quota"][0], 173).reset_at == 1_800_000_034.5


def test_a_missing_tool_does_not_matter_when_the_work_was_done(bench: Bench) -> None:
    assert bench.judged("gemini", log(NO_TOOL, SUCCESS), git=CHANGED).reason is Reason.OK
    assert bench.judged("gemini", log(NO_TOOL, SUCCESS), git=UNCHANGED).reason is Reason.DENIED


def test_usage_and_text_are_told(bench: Bench) -> None:
    verdict = bench.judged("gemini", log(*SAID, SUCCESS))
    assert verdict.usage == {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 4}
    assert verdict.details["session_id"] == "7e81" and verdict.details["text"] == "I did it."


OWN = ["--approval-mode", "auto_edit", "--skip-trust", "-o", "stream-json"]


@pytest.mark.parametrize(
    "args, expected",
    [
        (["-p", "Fix"], [*OWN, "-p", "Fix"]),
        (["-m", "pro", "Fix"], [*OWN, "-m", "pro", "-p", "Fix"]),
        (
            ["-p", "x", "--yolo", "--output-format=json", "--skip-trust"],
            ["-p", "x", "--yolo", "--output-format=json", "--skip-trust"],
        ),
    ],
)
def test_it_runs_headless_with_leave_to_edit(args: list[str], expected: list[str], bench: Bench) -> None:
    bench.stand_in("gemini")
    command = get("gemini").prepare(bench.job("gemini", *args), bench.context())
    assert command.argv[1:] == expected
    assert command.env["GEMINI_CLI_NO_RELAUNCH"] == "true"


def test_the_repositorys_env_file_cannot_send_the_key_elsewhere(bench: Bench) -> None:
    bench.stand_in("gemini")
    job = bench.job("gemini", "-p", "x")
    assert "GOOGLE_GEMINI_BASE_URL" not in get("gemini").prepare(job, bench.context()).env
    job["env"] = {"GEMINI_API_KEY": "k"}
    assert get("gemini").prepare(job, bench.context()).env["GOOGLE_GEMINI_BASE_URL"] == ""
    job["env"]["GOOGLE_GEMINI_BASE_URL"] = "http://127.0.0.1:9"
    assert get("gemini").prepare(job, bench.context()).env["GOOGLE_GEMINI_BASE_URL"] == "http://127.0.0.1:9"


def test_a_conversation_is_refused(bench: Bench) -> None:
    bench.stand_in("gemini")
    with pytest.raises(AdapterError, match="waits for a person; use -p"):
        get("gemini").prepare(bench.job("gemini", "-i", "hello"), bench.context())
