"""Masker of secret values in a stream, before it reaches the disk, however the stream is cut into pieces.

It searches for each encoding in the text without its line breaks, so a value that a tool wrapped over several lines is found
too. Only a tail that may be the beginning of a secret waits for the next piece.
"""

from bisect import bisect_right

from .secret_encodings import encodings_of, flatten

MASK = b"***"
MAX_BREAKS_HELD = 4096  # a "secret" with more line breaks than this inside is no line-wrapped value


class Masker:
    """One stream. `feed` returns what may be written now, `flush` the rest at the end."""

    def __init__(self, secrets: list[str]) -> None:
        self._needles = sorted(
            {form for secret in secrets for form in encodings_of(secret)}, key=lambda n: (-len(n), n)
        )
        self._longest = max(map(len, self._needles), default=0)
        self._held = b""
        self._covered = 0  # so many characters at the start of the held tail belong to a value already masked
        self._told = False  # and its mask stands at the end of what was written

    def feed(self, piece: bytes) -> bytes:
        if not self._needles:
            return piece
        return self._pass(self._held + piece if self._held else piece, last=False)

    def flush(self) -> bytes:
        """The held tail: it was only the beginning of a secret, or none."""
        return self._pass(self._held, last=True)

    def _pass(self, text: bytes, last: bool) -> bytes:
        flat = flatten(text)
        spans = self._spans(flat)
        cut = len(flat) if last else self._hold_from(flat)
        raw_cut = _start_of_tail(text, len(flat) - cut)
        if raw_cut == len(text):
            cut = len(flat)
        written, self._held = text[:raw_cut], text[raw_cut:]
        told, was_covered = self._told, self._covered
        self._covered = max((end - cut for start, end in spans if start < cut < end), default=0)
        if was_covered and cut == 0:
            self._covered = spans[0][1]
        if written:  # on a line of its own the rest of a value gets its own mask
            self._told = self._covered > 0 and written[-1:] not in (b"\n", b"\r")
        return _mask(written, spans, cut, told)

    def _spans(self, flat: bytes) -> list[tuple[int, int]]:
        """All stretches to mask, merged where they touch an overlap, in order."""
        found = [(0, self._covered)] if self._covered else []
        for needle in self._needles:
            at = flat.rfind(needle)  # several times faster than find
            while at >= 0:
                found.append((at, at + len(needle)))
                at = flat.rfind(needle, 0, at + len(needle) - 1)
        found.sort()
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _hold_from(self, flat: bytes) -> int:
        """Where the longest tail begins that some form may continue."""
        cut = len(flat)
        for needle in self._needles:
            first, at = needle[:1], flat.find(needle[:1], max(0, len(flat) - len(needle) + 1), cut)
            while at >= 0:
                if needle.startswith(flat[at:]):
                    cut = at
                    break
                at = flat.find(first, at + 1, cut)
        return cut


def _start_of_tail(text: bytes, count: int) -> int:
    """Where the last `count` characters begin, line breaks not counted; the end if too many breaks are among them."""
    at, bound = len(text), max(0, len(text) - count - MAX_BREAKS_HELD)
    while count:
        if at <= bound and bound:
            return len(text)
        at -= 1
        if text[at] not in b"\r\n":
            count -= 1
    return at


def _breaks(text: bytes) -> list[int]:
    """For each line break of `text`, how many other characters stand before it."""
    result, seen = [], 0
    for line in text.replace(b"\r", b"\n").split(b"\n"):
        seen += len(line)
        result.append(seen)
    return result[:-1]


def _raw(breaks: list[int], flat_at: int) -> int:
    """Where the character number `flat_at` of the text without breaks stands in the text itself."""
    return flat_at + bisect_right(breaks, flat_at)


def _mask(text: bytes, spans: list[tuple[int, int]], cut: int, told: bool) -> bytes:
    """`text` with its spans masked; breaks inside a span stay, so line numbers do. `told`: span 0 has its mask."""
    if not spans:
        return text
    parts, done, breaks = [], 0, _breaks(text)
    for start, end in spans:
        if start >= cut:
            break
        raw_start, raw_end = _raw(breaks, start), _raw(breaks, min(end, cut) - 1) + 1
        parts.append(text[done:raw_start])
        for number, run in enumerate(_runs(text[raw_start:raw_end])):
            silent = told and start == 0 and number == 0
            parts.append(run if run in (b"\n", b"\r") else b"" if silent else MASK)
        done = raw_end
    parts.append(text[done:])
    return b"".join(parts)


def _runs(text: bytes) -> list[bytes]:
    """The stretches between line breaks and the breaks themselves."""
    result: list[bytes] = []
    for line in text.splitlines(keepends=True):
        body = line.rstrip(b"\r\n")
        result += [body] if body else []
        result += [line[i : i + 1] for i in range(len(body), len(line))]
    return result
