"""codex: no turn.completed, no success; its default sandbox swallows writes without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import Reason, get
from tests.adapters.bench import EDITS, Bench

STARTED = ({"type": "thread.started", "thread_id": "01a2"}, {"type": "turn.started"})
WARNING = {"type": "item.completed", "item": {"type": "error", "message": "Model metadata for `fake` not found."}}
USAGE = {"input_tokens": 200, "cached_input_tokens": 50, "output_tokens": 20, "reasoning_output_tokens": 5}
COMPLETED = {"type": "turn.completed", "usage": USAGE}
SAID = {"type": "item.completed", "item": {"type": "agent_message", "text": "I fixed it."}}
COMMAND = {
    "type": "item.completed",
    "item": {"type": "command_execution", "command": "make", "exit_code": 2, "status": "failed"},
}
DECLINED = {
    "type": "item.completed",
    "item": {"type": "command_execution", "command": "rm -rf x", "status": "declined"},
}


def log(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in (*STARTED, WARNING, *events))


def failed(message: str) -> str:
    again = {"type": "error", "message": f"Reconnecting... 1/5 ({message})"}
    return log(again, {"type": "error", "message": message}, {"type": "turn.failed", "error": {"message": message}})


CASES = {
    "done": (log(SAID, COMPLETED), 0, Reason.OK),
    "a command in it failed": (log(COMMAND, SAID, COMPLETED), 0, Reason.OK),
    "reconnected": (log({"type": "error", "message": "Reconnecting... 1/5 (500)"}, COMPLETED), 0, Reason.OK),
    "declined": (log(DECLINED, COMPLETED), 0, Reason.DENIED),
    "no end": (log(SAID), 0, Reason.CRASHED),
    "401": (failed("unexpected status 401 Unauthorized: wrong key"), 1, Reason.AUTH),
    "no key": (failed("Missing environment variable: `CODEX_API_KEY`."), 1, Reason.AUTH),
    "429": (failed("exceeded retry limit, last status: 429"), 1, Reason.RATE_LIMITED),
    "quota": (failed("Quota exceeded. Check your plan and billing details."), 1, Reason.QUOTA),
    "too long": (
        failed("Codex ran out of room in the model's context window. Start a new thread"),
        1,
        Reason.CONTEXT_OVERFLOW,
    ),
    "overloaded": (
        failed("We're currently experiencing high demand, which may cause temporary errors."),
        1,
        Reason.OVERLOADED,
    ),
    "404": (failed('unexpected status 404 Not Found: {"error": "no such model"}'), 1, Reason.MODEL_MISSING),
    "cut": (failed("stream disconnected before completion: error sending request"), 1, Reason.NETWORK),
    "untrusted": ("Not inside a trusted directory and --skip-git-repo-check was not specified.\n", 1, Reason.REFUSED),
    "wrong flag": (
        "error: unexpected argument '--nonsense' found\n\nFor more information, try '--help'.\n",
        2,
        Reason.EXIT_CODE,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_last_event_of_the_turn_decides(case: str, bench: Bench) -> None:
    text, exit_code, reason = CASES[case]
    bench.stand_in(
        "codex",
        text,
        exit_code,
        stderr="Reading additional input from stdin...\n",
        body=EDITS if reason is Reason.OK else "",
    )
    result, verdict = bench.run(bench.job("codex", "exec", "Fix the bug"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)


def test_the_sentence_says_what_was_wrong_and_which_key_counts(bench: Bench) -> None:
    assert "unexpected argument '--nonsense' found" in bench.judged("codex", *CASES["wrong flag"][:2]).summary
    assert "CODEX_API_KEY, not OPENAI_API_KEY" in bench.judged("codex", *CASES["401"][:2]).summary
    other = bench.judged("codex", *CASES["401"][:2], args=("exec", "-c", "model_provider=fake", "x"))
    assert "CODEX_API_KEY" not in other.summary


def test_usage_is_told_in_the_common_words(bench: Bench) -> None:
    verdict = bench.judged("codex", log(SAID, COMPLETED))
    assert verdict.usage == {
        "input_tokens": 200,
        "output_tokens": 20,
        "cache_read_input_tokens": 50,
        "reasoning_tokens": 5,
    }
    assert verdict.details["session_id"] == "01a2" and verdict.details["text"] == "I fixed it."
    assert "usage_is_cumulative" not in verdict.details
    resumed = bench.judged("codex", log(COMPLETED), args=("exec", "resume", "01a2", "go on"))
    assert resumed.details["usage_is_cumulative"]


OWN = ["--json", "--skip-git-repo-check", "--sandbox", "workspace-write"]


@pytest.mark.parametrize(
    "args, expected",
    [
        (["Fix the bug"], ["exec", *OWN, "Fix the bug"]),
        (["exec", "Fix the bug"], ["exec", *OWN, "Fix the bug"]),
        (["-m", "gpt", "exec", "Fix"], ["-m", "gpt", "exec", *OWN, "Fix"]),
        (["exec", "resume", "01a2", "go on"], ["exec", *OWN, "resume", "01a2", "go on"]),
        (
            ["exec", "--json", "-s", "read-only", "--skip-git-repo-check", "x"],
            ["exec", "--json", "-s", "read-only", "--skip-git-repo-check", "x"],
        ),
        (["exec", "--full-auto", "x"], ["exec", "--json", "--skip-git-repo-check", "--full-auto", "x"]),
        (["login", "status"], ["login", "status"]),
    ],
)
def test_it_runs_as_exec_with_json_and_leave_to_write(args: list[str], expected: list[str], bench: Bench) -> None:
    bench.stand_in("codex")
    assert get("codex").prepare(bench.job("codex", *args), bench.context()).argv[1:] == expected


def test_a_job_that_only_reads_stays_in_the_read_only_sandbox(bench: Bench) -> None:
    bench.stand_in("codex")
    command = get("codex").prepare(bench.job("codex", "x", access="read"), bench.context())
    assert command.argv[command.argv.index("--sandbox") + 1] == "read-only"


@pytest.mark.parametrize(
    "args, stdin, prompt",
    [
        (["exec", "-m", "gpt", "Fix"], None, "Fix"),
        (["exec", "-"], "Fix", "Fix"),
        (["exec", "Fix"], "the log", "Fix\n\nthe log"),
        (["exec", "resume", "--last", "go on"], None, "go on"),
        (["exec", "resume", "01a2", "go on"], None, "go on"),
        (["exec"], None, None),
    ],
)
def test_the_prompt_is_found_where_the_person_put_it(
    args: list[str], stdin: str | None, prompt: str | None, bench: Bench
) -> None:
    assert get("codex").prompt_of(bench.job("codex", *args, stdin=stdin)) == prompt
