"""A model server for tests, on loopback: it answers like Ollama and like OpenAI, by rules, with no model behind it.

A rule is a JSON object; the first one that fits a request answers it:
    when      regular expression, searched in the request's messages (left out: always)
    model     regular expression for the whole model name (left out: any)
    reply     the text to answer with
    status    the HTTP status to answer with instead
    times     how many requests `status` holds for; after them `reply` is given
    delay_s   seconds to wait before answering
    hang      true: never answer

As a command: python -m tests.model_server --port 0 --rules FILE
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

PIECE = 30  # characters of one streamed piece: enough of them to see a stream
LONGEST_HANG_S = 600.0
Rule = dict[str, Any]


@dataclass(frozen=True)
class Request:
    path: str
    model: str
    prompt: str
    status: int


class ModelServer:
    """Serves while the `with` block lasts; `url` has a free port of its own unless one is given."""

    def __init__(self, rules: Sequence[Rule] = (), port: int = 0) -> None:
        self.rules = list(rules)
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._used: dict[int, int] = {}
        self._lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"owner": self})
        self._http = Listener(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer_to(self, path: str, model: str, prompt: str) -> Rule:
        """The rule for this request, with the `status` that holds now; the request is noted."""
        with self._lock:
            rule = self._choose(model, prompt)
            self.requests.append(Request(path, model, prompt, rule["status"]))
        return rule

    def _choose(self, model: str, prompt: str) -> Rule:
        for number, rule in enumerate(self.rules):
            if not re.search(rule.get("when", ""), prompt) or not re.fullmatch(rule.get("model", ".*"), model):
                continue
            self._used[number] = self._used.get(number, 0) + 1
            spent = self._used[number] > rule.get("times", self._used[number])
            return {"reply": "", **rule, "status": 200 if spent else rule.get("status", 200)}
        return {"reply": "I do not know what to do.", "status": 200}


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed leaves its connection open; that is no news. Anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ClassVar[ModelServer]

    def log_message(self, format: str, *args: object) -> None:
        """Silence: the tests look at `requests`."""

    def do_GET(self) -> None:
        if self.path == "/api/tags":
            self._send(
                {"models": [{"name": "fake", "model": "fake", "modified_at": "2024-01-01T00:00:00Z", "size": 1}]}
            )
        elif self.path == "/v1/models":
            self._send({"object": "list", "data": [{"id": "fake", "object": "model"}]})
        else:
            self._send({"status": "the model server for tests is running"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path == "/api/show":
            self._send(
                {
                    "details": {"family": "fake"},
                    "capabilities": ["completion"],
                    "model_info": {"general.architecture": "fake", "fake.context_length": 32768},
                }
            )
        elif self.path in ("/api/chat", "/api/generate", "/v1/chat/completions"):
            self._complete(body)
        else:
            self._send({"error": f"no such page: {self.path}"}, 404)

    def _complete(self, body: dict[str, Any]) -> None:
        messages = body.get("messages") or [{"content": body.get("prompt")}]
        prompt = "\n".join(_text(message.get("content")) for message in messages)
        rule = self.owner.answer_to(self.path, str(body.get("model", "")), prompt)
        wait_s = LONGEST_HANG_S if rule.get("hang") else float(rule.get("delay_s", 0))
        if wait_s and (self.owner.closing.wait(wait_s) or rule.get("hang")):
            self.close_connection = True
            return
        openai = self.path.startswith("/v1/")
        if rule["status"] != 200:
            message = rule["reply"] or f"fake error {rule['status']}"
            self._send({"error": {"message": message} if openai else message}, rule["status"])
        elif openai:
            self._as_openai(body, prompt, rule["reply"])
        else:
            self._as_ollama(body, prompt, rule["reply"])

    def _as_openai(self, body: dict[str, Any], prompt: str, text: str) -> None:
        head = {"id": "chatcmpl-fake", "created": 0, "model": body.get("model", "")}
        usage = {"prompt_tokens": _tokens(prompt), "completion_tokens": _tokens(text)}
        usage["total_tokens"] = sum(usage.values())
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            self._send({**head, "object": "chat.completion", "usage": usage, "choices": [choice]})
            return
        choices: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": piece}} for piece in _pieces(text)]
        choices.append({"delta": {}, "finish_reason": "stop"})
        events = [{**head, "object": "chat.completion.chunk", "choices": [{"index": 0, **one}]} for one in choices]
        events.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
        self._stream("text/event-stream", [*lines, b"data: [DONE]\n\n"])

    def _as_ollama(self, body: dict[str, Any], prompt: str, text: str) -> None:
        def piece(content: str, **more: object) -> dict[str, Any]:
            said = (
                {"response": content}
                if self.path == "/api/generate"
                else {"message": {"role": "assistant", "content": content}}
            )
            return {"model": body.get("model", ""), "created_at": "2024-01-01T00:00:00Z", **said, "done": False, **more}

        last = {"done": True, "done_reason": "stop", "prompt_eval_count": _tokens(prompt), "eval_count": _tokens(text)}
        if not body.get("stream", True):
            self._send(piece(text, **last))
            return
        events = [*(piece(part) for part in _pieces(text)), piece("", **last)]
        self._stream("application/x-ndjson", [json.dumps(event).encode() + b"\n" for event in events])

    def _send(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        with contextlib.suppress(ConnectionError):  # a client that was stopped meanwhile
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _stream(self, kind: str, lines: Sequence[bytes]) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in lines:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(_text(part) for part in content)
    if isinstance(content, dict):
        return str(content.get("text", ""))
    return str(content or "")


def _tokens(text: str) -> int:
    return (len(text) + 3) // 4


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def main() -> None:
    parser = argparse.ArgumentParser(description="A model server for tests, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--rules", type=Path, required=True, help="a JSON file with a list of rules")
    options = parser.parse_args()
    with ModelServer(json.loads(options.rules.read_text(encoding="utf-8")), options.port) as server:
        print(f"listening on {server.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
