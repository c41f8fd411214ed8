"""Encodings in which a secret value may appear in a log: plain, quoted, escaped, hex, base64 at any alignment."""

import binascii
import json

MIN_SECRET_LENGTH = 8  # shorter values would mask ordinary text everywhere
MIN_SECRET_LINE_LENGTH = 16  # a single line of a multi-line secret; shorter ones ("}", "type: x") are ordinary text
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_SHELL_SAFE = _UNRESERVED + b"/:=@%+,"
# What the common functions leave unquoted: RFC 3986, urllib's quote, encodeURIComponent, encodeURI.
_URL_SAFE = (_UNRESERVED, _UNRESERVED + b"/", _UNRESERVED + b"!*'()", _UNRESERVED + b"!*'();,/?:@&=+$#")


def encodings_of(secret: str) -> set[bytes]:
    """Every encoding of one secret, without line breaks: the masker searches text whose line breaks are removed."""
    found: set[bytes] = set()
    for value in _values(secret):
        raw = value.encode("utf-8", "surrogateescape")
        found |= {raw} | _json_encodings(value) | _url_encodings(raw) | _base64_encodings(raw)
        found |= _shell_encodings(raw) | _html_encodings(raw) | _hex_encodings(raw)
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


def _shell_encodings(raw: bytes) -> set[bytes]:
    """As `set -x`, `declare -p` and `printf %q` print it, and Python's `repr`."""
    escaped = b"".join(b"\\" + bytes((c,)) if c < 128 and c not in _SHELL_SAFE else bytes((c,)) for c in raw)
    in_double = b"".join(b"\\" + bytes((c,)) if c in b'"$`\\' else bytes((c,)) for c in raw)
    single = (raw.replace(b"'", quote) for quote in (b"'\\''", b"'\"'\"'", b"\\'"))
    return {escaped, in_double, repr(raw)[2:-1].encode("ascii"), *single}


def _html_encodings(raw: bytes) -> set[bytes]:
    """Markup in text, and in attributes with any of the usual names of the quotes."""
    text = raw.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    double = {text, text.replace(b'"', b"&quot;"), text.replace(b'"', b"&#34;")}
    return {one.replace(b"'", quote) for one in double for quote in (b"'", b"&#x27;", b"&#39;", b"&apos;")}


def _hex_encodings(raw: bytes) -> set[bytes]:
    """As `xxd -p` and `od` without blanks print it; with blanks or colons, as in a dump, it is not found."""
    return {binascii.b2a_hex(raw), binascii.b2a_hex(raw).upper()}


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
