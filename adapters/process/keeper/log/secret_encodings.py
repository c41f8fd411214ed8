"""Encodings in which a secret value may appear in a log: plain, quoted, escaped, base64 at any alignment."""

import binascii
import json

MIN_SECRET_LENGTH = 8  # shorter values would mask ordinary text everywhere
MIN_SECRET_LINE_LENGTH = 16  # a single line of a multi-line secret; shorter ones ("}", "type: x") are ordinary text
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
# What the common functions leave unquoted: RFC 3986, urllib's quote, encodeURIComponent, encodeURI.
_URL_SAFE = (_UNRESERVED, _UNRESERVED + b"/", _UNRESERVED + b"!*'()", _UNRESERVED + b"!*'();,/?:@&=+$#")


def encodings_of(secret: str) -> set[bytes]:
    """Every encoding of one secret, without line breaks: the masker searches text whose line breaks are removed."""
    found: set[bytes] = set()
    for value in _values(secret):
        raw = value.encode("utf-8", "surrogateescape")
        found |= {raw} | _json_encodings(value) | _url_encodings(raw) | _base64_encodings(raw)
    return {flat for flat in map(flatten, found) if len(flat) >= MIN_SECRET_LENGTH}


def flatten(text: bytes) -> bytes:
    return text.replace(b"\n", b"").replace(b"\r", b"")


def _values(secret: str) -> set[str]:
    lines = {line.strip() for line in secret.splitlines()} if "\n" in secret else set()
    whole = {value for value in (secret, secret.strip()) if len(value) >= MIN_SECRET_LENGTH}
    return whole | {line for line in lines if len(line) >= MIN_SECRET_LINE_LENGTH}


def _json_encodings(value: str) -> set[bytes]:
    """JSON, and JSON inside a JSON string, as the tools' own event lines carry it."""
    both = (True, False)  # letters beyond ASCII as they are, or as \\uXXXX; each writer has its own way
    once = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in both}
    once |= {text.replace("/", "\\/") for text in once}
    twice = {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for text in once for ascii_only in both}
    return {text.encode("utf-8", "surrogateescape") for text in once | twice}


def _url_encodings(raw: bytes) -> set[bytes]:
    result = set()
    for safe in _URL_SAFE:
        for pattern in (b"%%%02X", b"%%%02x"):
            quoted = b"".join(bytes((c,)) if c in safe else pattern % c for c in raw)
            result |= {quoted, quoted.replace(b"%20", b"+")}
    return result


def _base64_encodings(raw: bytes) -> set[bytes]:
    """What every base64 text that contains the value must contain, whatever stands before and after it."""
    result = set()
    for before in range(3):
        text = binascii.b2a_base64(bytes(before) + raw, newline=False)
        first = (before * 8 + 5) // 6  # characters that hold bits of the bytes before
        last = (before + len(raw)) * 8 // 6  # characters that hold no bits of the bytes after
        core = text[first:last]
        result |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return result
