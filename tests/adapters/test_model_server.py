"""The model server for tests says what its rules say, in both protocols."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import ModelServer

RULES: list[dict[str, Any]] = [
    {"when": "secret", "model": "other", "reply": "never"},
    {"when": "busy", "status": 503, "times": 1, "reply": "now"},
    {"when": "late", "delay_s": 0.05, "reply": "at last"},
    {"when": "hang", "hang": True},
    {"when": "hello", "reply": "Good morning, and a good day to you."},
]


def ask(url: str, content: str, timeout: float = 5, **more: Any) -> tuple[int, str]:
    key = "prompt" if url.endswith("generate") else "messages"
    said: Any = content if key == "prompt" else [{"role": "user", "content": content}]
    data = json.dumps({"model": "fake", key: said, **more}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_both_protocols_answer_streamed_and_whole() -> None:
    with ModelServer(RULES) as server:
        streamed = [json.loads(line) for line in ask(server.url + "/api/chat", "hello")[1].splitlines()]
        assert len(streamed) == 3 and streamed[-1]["done"]
        assert "".join(piece["message"]["content"] for piece in streamed) == RULES[-1]["reply"]
        assert json.loads(ask(server.url + "/api/generate", "hello", stream=False)[1])["response"] == RULES[-1]["reply"]
        whole = json.loads(ask(server.url + "/v1/chat/completions", "hello")[1])
        assert whole["choices"][0]["message"]["content"] == RULES[-1]["reply"]
        events = ask(server.url + "/v1/chat/completions", "hello", stream=True)[1].split("\n\n")
        assert events[-2] == "data: [DONE]" and '"finish_reason": "stop"' in events[-4]
        assert [request.path for request in server.requests[:2]] == ["/api/chat", "/api/generate"]


def test_rules_choose_by_text_and_model_and_count() -> None:
    with ModelServer(RULES) as server:
        url = server.url + "/api/chat"
        assert "do not know" in ask(url, "secret", stream=False)[1]
        assert "never" in ask(url, "secret", stream=False, model="other")[1]
        assert [ask(url, "busy", stream=False)[0] for _ in range(3)] == [503, 200, 200]
        assert ask(url, "late")[0] == 200
        assert ask(server.url + "/nowhere", "x")[0] == 404


def test_a_hanging_answer_ends_with_the_server() -> None:
    with ModelServer(RULES) as server:
        with pytest.raises(TimeoutError):
            ask(server.url + "/api/chat", "hang", timeout=0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_it_is_a_command_too(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    command = [sys.executable, "-m", "tests.model_server", "--port", "0", "--rules", str(tmp_path / "rules.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().split()[-1]
            assert ask(url + "/api/chat", "hello")[0] == 200
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 0
