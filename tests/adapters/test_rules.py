"""The rules that all adapters share, and the registry that holds them."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from adapters import Reason, ToolAdapter, UnknownTool, get, registry, rules
from adapters.tools import flags
from tests.adapters.bench import Bench

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "text, status, reason",
    [
        ("You exceeded your current quota", 429, Reason.QUOTA),
        ("slow down", 429, Reason.RATE_LIMITED),
        ("context length exceeded", 400, Reason.CONTEXT_OVERFLOW),
        ("prompt is too long", 413, Reason.CONTEXT_OVERFLOW),
        ("quota used up", 403, Reason.QUOTA),
        ("no", 403, Reason.AUTH),
        ("no", 402, Reason.QUOTA),
        ("rate limit", 503, Reason.OVERLOADED),
        ("HTTP 502 from the proxy", None, Reason.OVERLOADED),
        ("last status: 429", None, Reason.RATE_LIMITED),
        ('{"error": {"code": 401}}', None, Reason.AUTH),
        ("getaddrinfo ENOTFOUND api.host", None, Reason.NETWORK),
        ("something else, line 404", None, None),
        ("", None, None),
    ],
)
def test_a_providers_error_by_text_and_status(text: str, status: int | None, reason: Reason | None) -> None:
    assert rules.api_reason(text, status) is reason


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Please try again in 20s.", NOW + 20),
        ("Please retry in 34.5s.", NOW + 34.5),
        ("Please try again in 250ms", NOW + 0.25),
        ("try again in 6m0s", NOW + 360),
        ("Retry after 30 seconds", NOW + 30),
        ("Your limit resets in 2 hours 5 minutes", NOW + 7500),
        ("usage limit reached|1800003600", 1_800_003_600),
        ('"resetsAt": 1800003600', 1_800_003_600),
        ("resets at 2027-01-15T09:00:00Z", 1_800_003_600),
        ("Retrying in earnest", None),
        ("The model said 1800003600", None),
        ("", None),
    ],
)
def test_a_reset_time_is_read_where_it_is_told(text: str, expected: float | None) -> None:
    assert rules.reset_time(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["Retry at 2026-13-45T25:61:00Z", f"try again in {'9' * 400} s", f"try again in {'9' * 400} h"]
)
def test_a_reset_time_that_is_no_time_is_none(text: str) -> None:
    assert rules.reset_time(text, NOW) is None


HTML = "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON"


@pytest.mark.parametrize("tool", ["aider", "claude", "codex", "gemini", "opencode"])
@pytest.mark.parametrize(
    "text, reason, sentence",
    [
        (HTML, Reason.NETWORK, "A web page answered instead of the model's server"),
        ("Expecting value: line 1 column 1 (char 0)", Reason.NETWORK, "A web page answered"),
        ("Missing environment variable: `CODEX_API_KEY`.", Reason.AUTH, "No key was given"),
        ("Not logged in · Please run /login", Reason.AUTH, "No key was given"),
        ("The api_key client option must be set", Reason.AUTH, "No key was given"),
        ("401 Unauthorized: Missing bearer or basic authentication in header", Reason.AUTH, "No key was given"),
        ("401 Unauthorized: invalid api key", Reason.AUTH, "The provider refused the key"),
    ],
)
def test_one_thing_has_one_name_whichever_tool_says_it(
    tool: str, text: str, reason: Reason, sentence: str, bench: Bench
) -> None:
    log = f"litellm.APIError: APIError: OpenAIException - {text}\n" if tool == "aider" else f"Error: {text}\n"
    verdict = bench.judged(tool, log, 0 if tool == "aider" else 1, args=("x",))
    assert verdict.reason is reason and verdict.summary.startswith(sentence)


@pytest.mark.parametrize(
    "log, code, reason, words",
    [
        ("licence expired\n", 150, Reason.EXIT_CODE, "licence expired"),
        ("licence expired\n", 130, Reason.EXIT_CODE, "licence expired"),
        ("licence expired\n", 165, Reason.EXIT_CODE, "licence expired"),
        ("", 165, Reason.EXIT_CODE, "165"),
        ("", 130, Reason.CRASHED, "SIGINT"),
        ("step 1\nTerminated\n", 143, Reason.CRASHED, "SIGTERM"),
        ("step 1\n", 137, Reason.CRASHED, "SIGKILL"),
        ("step 1\n", 139, Reason.CRASHED, "SIGSEGV"),
    ],
)
def test_a_code_above_128_is_a_signal_only_where_one_is_likely(
    log: str, code: int, reason: Reason, words: str, bench: Bench
) -> None:
    verdict = bench.judged("shell", log, code)
    assert verdict.reason is reason and words in verdict.summary


def test_a_quoted_line_is_cut_to_what_a_page_can_show() -> None:
    assert rules.cut("a  b\n c") == "a b c"
    assert len(rules.cut("x" * 1000)) == rules.CUT and rules.cut("x" * 1000).endswith("…")


def test_flags_are_seen_in_every_form() -> None:
    args = ["-mgpt", "--format=json", "--name", "x", "--", "--hidden"]
    assert flags.has(args, "--model", "-m") and flags.has(args, "--format") and flags.has(args, "--name")
    assert not flags.has(args, "--hidden") and not flags.has(args, "--na") and not flags.has(["--m"], "-m")
    assert (flags.value(args, "-m"), flags.value(args, "--format"), flags.value(args, "--name")) == ("gpt", "json", "x")
    assert flags.value(["--name"], "--name") is None
    words = ["--name", "x", "a", "-", "--", "--b"]
    assert [words[at] for at in flags.positions(words, {"--name"})] == ["a", "-", "--b"]


def test_an_unknown_tool_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTool, match="unknown tool 'aidr'; did you mean 'aider'"):
        get("aidr")
    with pytest.raises(UnknownTool, match="known are aider, claude, codex"):
        get("zzz")


class Mine(ToolAdapter):
    name = "mine"
    capabilities = ("run",)


class Impostor(ToolAdapter):
    name = "aider"


def points(monkeypatch: pytest.MonkeyPatch, **named: str) -> None:
    found = [
        EntryPoint(name, f"{__name__}:{value}" if ":" not in value else value, registry.GROUP)
        for name, value in named.items()
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: found)
    monkeypatch.setattr(registry, "TOOL_RUNNERS", dict(registry.TOOL_RUNNERS))
    registry.reload()


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    registry.reload()


def test_an_entry_point_adds_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, mine="Mine")
    assert isinstance(get("mine"), Mine)
    assert "mine" in registry.adapters() and "mine" in registry.TOOL_RUNNERS


@pytest.mark.parametrize(
    "named, because",
    [
        ({"aider": "Impostor"}, "the name 'aider' is taken"),
        ({"other": "Mine"}, "the adapter says 'mine'"),
        ({"Bad Name": "Mine"}, "must be 1 to 40 small letters"),
        ({"mine": "Missing"}, "has no attribute 'Missing'"),
        ({"mine": "no.such.module:X"}, "No module named"),
        ({"mine": "NOW"}, "it lacks capabilities, classify"),
    ],
)
def test_a_bad_entry_point_is_left_out_with_its_reason_and_takes_nothing_along(
    named: dict[str, str], because: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "engine.adapters"):
        built_in = len(registry.adapters())
        points(monkeypatch, **named)
        assert len(registry.adapters()) == built_in
    assert because in caplog.text
    assert type(get("aider")).__name__ == "AiderAdapter"
