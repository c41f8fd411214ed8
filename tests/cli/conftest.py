import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from django.test import Client as Browser

from engine_site.cli import backend, main
from engine_site.cli.remote import Remote
from jobs.services.accounts import tokens
from schema.client import Client
from tests.factories import make_user


class InProcess(httpx.BaseTransport):
    """The server in this very process and transaction."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("content-type", "host")}
        response = Browser(raise_request_exception=False).generic(
            request.method,
            str(request.url.copy_with(scheme=None, host=None)),
            request.content,
            headers=headers,
            content_type=request.headers.get("content-type", ""),
        )
        body = response.getvalue() if response.streaming else response.content
        return httpx.Response(response.status_code, headers=dict(response.items()), content=body)


@dataclass
class Said:
    code: int
    out: str
    err: str


Engine = Callable[..., Said]


@pytest.fixture(params=["local", "remote"])
def place(request: Any, monkeypatch: Any, db: None) -> str:
    """The database beside the command, or a server that is asked over the API: same words, same exit codes."""
    cache.clear()
    if request.param == "remote":
        user = make_user("mara", role="operator")
        user.groups.add(*user.groups.model.objects.filter(name="reviewer"))
        _, secret = tokens.create(user, "cli", ["read", "submit", "review", "operate"], by="test")
        monkeypatch.setenv("ENGINE_URL", "http://localhost")
        monkeypatch.setenv("ENGINE_TOKEN", secret)

        def remote(url: str, token: str) -> Remote:
            found = Remote(url, token)
            found.client = Client(url, token, transport=InProcess())
            return found

        monkeypatch.setattr(backend, "Remote", remote)
    else:
        monkeypatch.delenv("ENGINE_URL", raising=False)
    return str(request.param)


@pytest.fixture
def engine(monkeypatch: Any, capsys: Any) -> Engine:
    """`engine("status", "job-1")`, as a shell would."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "argv", ["engine", *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            main()
            sys.exit(0)
        out, err = capsys.readouterr()
        code = end.value.code
        return Said(code if isinstance(code, int) else int(bool(code)), out, err)

    return run
