"""What a terminal shows of a tool's output: escape sequences take no room, a carriage return starts the line over."""

import re

import re2

TAIL_BYTES = 1 << 18  # a line that is not started over within its last so many bytes counts as one that never is
# The group `sgr` holds the codes of a colour. No alternative matches a line end, and none can be tried in two ways,
# so the time is linear.
TOKEN = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # other control sequences: moves, clears
    r"|\x1b[\]PX^_](?:[^\x07\x1b\n]|\x1b(?!\\))*(?:\x07|\x1b\\|(?m:$))"  # titles, links, device strings
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u202a-\u202e\u2066-\u2069\ufeff]"  # marks that reorder what one reads
)
PLAIN = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]*\Z")

# The same characters as bytes, to find out quickly that there are none.
_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1
_SPECIAL = re2.compile(
    rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf", _BYTES
)

_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")
# An escape sequence inside of a character: what is left and right of it must not be joined.
_TORN = re2.compile(rb"(?:[\xc0-\xff]|[\xe0-\xff][\x80-\xbf]|[\xf0-\xff][\x80-\xbf][\x80-\xbf])\x1b", _BYTES)


def last_rewrite(line: bytes) -> bytes:
    """Of a line that carriage returns start over, such as a progress bar, what was written last."""
    return line.rstrip(b"\r").rpartition(b"\r")[2] if b"\r" in line else line


def without_end(raw: bytes) -> bytes:
    """A line without its end, which a tool of another system may write as CR LF."""
    return raw[:-1].removesuffix(b"\r") if raw.endswith(b"\n") else raw


def shorten(line: bytes, limit: int) -> tuple[bytes, bool]:
    """The line if it is short, else the beginning of what a terminal would show; and whether something is missing."""
    return (line, False) if len(line) <= limit else shorten_long(line[:limit], line[-TAIL_BYTES:], limit)


def shorten_long(head: bytes, tail: bytes, limit: int) -> tuple[bytes, bool]:
    """The same for a line of which only the first `limit` and the last TAIL_BYTES bytes are at hand."""
    if b"\r" not in tail:
        return head[:limit], True
    last = last_rewrite(tail)
    return last[:limit], len(last) > limit


def visible(text: bytes) -> bytes:
    """Lines as a terminal shows them, without colours. There are as many of them as before."""
    if b"\r" in text:
        text = b"\n".join(last_rewrite(line) for line in text.split(b"\n"))
    if not _SPECIAL.search(text):
        return text
    bare = _COLOUR.sub(b"", text)  # often enough, and three times as fast as the rest
    if not _SPECIAL.search(bare) and not _TORN.search(text):
        return bare
    return TOKEN.sub("", text.decode("utf-8", "replace")).encode()
