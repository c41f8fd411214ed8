"""aider: exit code 0 means nothing; the lines are those that the real one printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters import AdapterError, Reason, get
from tests.adapters.bench import CHANGED, EDITS, Bench

HEAD = """\
HTTPSConnectionPool(host='raw.githubusercontent.com', port=443): Max retries exceeded with url: /BerriAI/x.json
Aider v0.86.2
Model: ollama_chat/fake with diff edit format
Git repo: .git with 1 files
Added greeting.py to the chat.

"""
EDIT = """\
greeting.py
```python
<<<<<<< SEARCH
    return "Hello, " + name + "!"
=======
    return f"Hello, {name}!"
>>>>>>> REPLACE
```

Tokens: 1.9k sent, 37 received.
"""
APPLIED = "Applied edit to greeting.py\nCommit c46fc75 fix: greet a stranger\n"


def retried(line: str) -> str:
    return HEAD + "".join(f"{line}\nRetrying in {pause} seconds...\n" for pause in ("0.2", "0.5", "32.0")) + line + "\n"


BAD_EDIT = """\
The LLM did not conform to the edit format.
https://aider.chat/docs/troubleshooting/edit-errors.html

# 1 SEARCH/REPLACE block failed to match!

## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in greeting.py
"""
TOO_LONG = """\
Tokens: 1.9k sent, 0 received.

Model openai/fake-context has hit a token limit!
Token counts below are approximate.
"""
CASES = {
    "done": (HEAD + EDIT + APPLIED, Reason.OK),
    "500 from Ollama": (
        retried('litellm.APIConnectionError: Ollama_chatException - {"error": "fake error 500"}'),
        Reason.OVERLOADED,
    ),
    "model not pulled": (
        retried('litellm.APIConnectionError: Ollama_chatException - {"error": "model \'x\' not found"}'),
        Reason.MODEL_MISSING,
    ),
    "nobody listens": (
        retried("litellm.APIConnectionError: Ollama_chatException - [Errno 111] Connection refused"),
        Reason.NETWORK,
    ),
    "500 from OpenAI": (
        retried("litellm.InternalServerError: InternalServerError: OpenAIException - fake error 500"),
        Reason.OVERLOADED,
    ),
    "wrong key": (
        HEAD + "litellm.AuthenticationError: AuthenticationError: OpenAIException - invalid api key\n"
        "The API provider is not able to authenticate you. Check your API key.\n",
        Reason.AUTH,
    ),
    "429": (
        retried(
            "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached. Please try again in 20s."
        ),
        Reason.RATE_LIMITED,
    ),
    "quota": (
        retried(
            "litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please check "
            "your plan and billing details."
        ),
        Reason.QUOTA,
    ),
    "404": (
        HEAD + "litellm.NotFoundError: NotFoundError: OpenAIException - model 'fake-404' not found\n",
        Reason.MODEL_MISSING,
    ),
    "timeout": (retried("litellm.Timeout: APITimeoutError - Request timed out."), Reason.NETWORK),
    "too long": (HEAD + TOO_LONG, Reason.CONTEXT_OVERFLOW),
    "empty answer": (
        HEAD + "Empty response received from LLM. Check your provider account?\n\nTokens: 1.9k sent, 0 received.\n",
        Reason.EMPTY_ANSWER,
    ),
    "edit does not fit": (HEAD + EDIT + BAD_EDIT, Reason.EDIT_FAILED),
    "gave up": (HEAD + (EDIT + BAD_EDIT) * 3 + "Only 3 reflections allowed, stopping.\n", Reason.EDIT_FAILED),
    "got over a bad edit": (HEAD + EDIT + BAD_EDIT + EDIT + APPLIED, Reason.OK),
    "got over an error": (retried("litellm.RateLimitError: too many") + EDIT + APPLIED, Reason.OK),
    "no commit message": (
        HEAD + EDIT + "Applied edit to greeting.py\nlitellm.APIConnectionError: OpenAIException - {\n"
        "Commit c46fc75 (no commit message provided)\n",
        Reason.OK,
    ),
    "the model only says it": (
        HEAD + "I saw litellm.RateLimitError: quota and\nTokens: 1.9k sent, 30 received.\n",
        Reason.OK,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_it_printed_tells_what_happened_although_it_exits_0(case: str, bench: Bench) -> None:
    log, reason = CASES[case]
    bench.stand_in("aider", log, body=EDITS if reason is Reason.OK else "")
    result, verdict = bench.run(bench.job("aider", "--message", "Fix the bug"))
    assert verdict.reason is reason
    assert result.exit_code == 0 and result.success is (reason is Reason.OK)
    assert bench.log() == log


def test_a_rate_limit_tells_when_it_ends(bench: Bench) -> None:
    assert bench.judged("aider", CASES["429"][0]).reset_at == 1_800_000_020.0


def test_its_own_failing_tests_are_told_apart_from_an_edit_that_does_not_fit(bench: Bench) -> None:
    log = HEAD + (EDIT + APPLIED) * 3 + "1 failed in 0.1s\nOnly 3 reflections allowed, stopping.\n"
    assert bench.judged("aider", log, args=("--auto-test", "--test-cmd", "pytest")).reason is Reason.TESTS_FAILED
    assert bench.judged("aider", log).reason is Reason.EDIT_FAILED


def test_a_request_that_was_never_answered_is_seen_in_its_analytics(bench: Bench) -> None:
    events = [{"event": "launched"}, {"event": "message_send_starting"}, {"event": "exit"}]
    (bench.tool_dir / "analytics.jsonl").write_text("\n".join(json.dumps(event) for event in events))
    assert bench.judged("aider", HEAD).reason is Reason.NETWORK
    with (bench.tool_dir / "analytics.jsonl").open("a") as file:
        file.write('\nnot json\n{"event": "message_send"}\n')
    assert bench.judged("aider", HEAD, git=CHANGED).reason is Reason.OK


def test_a_wrong_argument_is_quoted(bench: Bench) -> None:
    verdict = bench.judged("aider", "usage: aider [-h]\naider: error: unrecognized arguments: --nonsense\n", 2)
    assert verdict.reason is Reason.EXIT_CODE and "unrecognized arguments: --nonsense" in verdict.summary


def test_tokens_add_up_and_the_last_session_cost_counts(bench: Bench) -> None:
    log = HEAD + (
        "Tokens: 1.9k sent, 736 cache write, 12k cache hit, 40 received. Cost: $0.0020 message, $0.0020 session.\n"
        "Tokens: 2.1k sent, 1,040 received. Cost: $0.01 message, $0.0120 session.\n"
    )
    assert bench.judged("aider", log, git=CHANGED).usage == {
        "input_tokens": 4000,
        "cache_creation_input_tokens": 736,
        "cache_read_input_tokens": 12000,
        "output_tokens": 1080,
        "cost_usd": 0.012,
    }


def test_the_reference_job_gets_what_keeps_it_from_hanging(bench: Bench) -> None:
    bench.stand_in("aider", HEAD)
    bench.run(bench.job("aider", "--message", "Fix the bug"))
    argv, env = bench.argv(), bench.env()
    for flag in (
        "--yes-always",
        "--no-suggest-shell-commands",
        "--no-check-update",
        "--no-show-model-warnings",
        "--no-pretty",
        "--no-show-release-notes",
        "--no-gitignore",
        "--no-detect-urls",
        "--no-fancy-input",
        "--no-auto-test",
        "--no-auto-lint",
    ):
        assert flag in argv
    for flag in ("--analytics-log", "--chat-history-file", "--input-history-file"):
        assert Path(argv[argv.index(flag) + 1]).parent == bench.tool_dir
    assert Path(argv[argv.index("--env-file") + 1]).parent == bench.attempt
    assert argv[-2:] == ["--message", "Fix the bug"]
    assert "--map-tokens" not in argv
    assert env["COLUMNS"] == "1000" and env["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert not list(bench.repo.glob(".aider*"))


def test_what_the_person_asked_for_is_not_overruled(bench: Bench) -> None:
    bench.stand_in("aider")
    job = bench.job(
        "aider", "--auto-test", "--pretty", "--yes", "--env-file", "mine.env", "--analytics-log=a", "-m", "x"
    )
    job["env"] = {"AIDER_AUTO_LINT": "true"}
    bench.run(job)
    argv = bench.argv()
    for flag in ("--no-auto-test", "--no-auto-lint", "--no-pretty", "--yes-always"):
        assert flag not in argv
    assert argv.count("--env-file") == 1 and "--analytics-log" not in argv


def test_the_repositorys_env_file_cannot_send_the_key_elsewhere(bench: Bench) -> None:
    bench.stand_in(
        "aider", body=f"cp {bench.attempt}/aider.env {bench.notes}/aider.env; ls -l {bench.attempt}/aider.env"
    )
    job = bench.job("aider", "--message", "x")
    job["env"] = {"OPENAI_API_KEY": "it's a key", "OLLAMA_API_BASE": "http://127.0.0.1:11434", "OTHER": "no"}
    bench.run(job)
    written = (bench.notes / "aider.env").read_text().splitlines()
    assert "OPENAI_API_KEY='it\\'s a key'" in written
    assert "OPENAI_API_BASE='https://api.openai.com/v1'" in written
    assert "OLLAMA_API_BASE='http://127.0.0.1:11434'" in written
    assert not any("OTHER" in line for line in written)
    assert bench.log().startswith("-rw-------")
    assert not (bench.attempt / "aider.env").exists()  # gone with the attempt


def test_it_is_refused_where_it_would_make_a_repository(bench: Bench) -> None:
    bench.stand_in("aider", HEAD)
    (bench.home / "plain").mkdir()
    job = bench.job("aider", "--message", "x")
    job["paths"] = {"repo_root": str(bench.home / "plain")}
    with pytest.raises(AdapterError, match="is not in a git repository, and aider would make one there"):
        bench.run(job)
    job["command"]["args"] += ["--no-git"]
    assert bench.run(job)[1].success


@pytest.mark.parametrize("args", [("--gui",), ("--watch-files",), ("--message-file", "missing.md")])
def test_what_would_wait_for_a_person_is_refused(args: tuple[str, ...], bench: Bench) -> None:
    bench.stand_in("aider")
    with pytest.raises(AdapterError, match=r"command\.args"):
        get("aider").prepare(bench.job("aider", *args), bench.context())


def test_an_author_is_lent_only_where_there_is_none(bench: Bench) -> None:
    bench.stand_in("aider")
    bench.run(bench.job("aider", "--message", "x"))
    assert bench.env()["GIT_CONFIG_VALUE_0"] == "Engine"
    (bench.home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@localhost\n")
    bench.run(bench.job("aider", "--message", "x"))
    assert "GIT_CONFIG_COUNT" not in bench.env()


def test_its_form_names_model_and_files(bench: Bench) -> None:
    values = {"prompt": "Fix it", "model": "ollama_chat/fake", "files": "a.py b.py"}
    args = get("aider").form_to_command(values)["args"]
    assert args == ["--model", "ollama_chat/fake", "--message", "Fix it", "a.py", "b.py"]
