"""The WSGI environment of a request that came over ASGI."""

from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from asgiref.typing import HTTPScope

from jobs.streaming.responses import STREAMS


def environ_of(scope: HTTPScope, body: bytes) -> dict[str, Any]:
    host, port = scope["server"] or ("localhost", None)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope["root_path"],
        "PATH_INFO": path_of(scope),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        STREAMS: True,
    }
    for name, value in scope["headers"]:
        _add_header(environ, name, value.decode("latin-1"))
    return environ


def path_of(scope: HTTPScope) -> str:
    """As WSGI has it: bytes, written as Latin-1, without the root path."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return unquote_to_bytes(raw.removeprefix(scope["root_path"].encode())).decode("latin-1")


def _add_header(environ: dict[str, Any], name: bytes, value: str) -> None:
    if b"_" in name or name == b"content-length":
        return  # X_Forwarded_Proto must not pass for X-Forwarded-Proto; the length is that of the body read
    key = name.decode("latin-1").upper().replace("-", "_")
    if key != "CONTENT_TYPE":
        key = f"HTTP_{key}"
    if key in environ:
        value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
    environ[key] = value
