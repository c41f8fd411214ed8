"""Terminal output as safe markup: everything is escaped, colours become classes, other escapes vanish."""

import re
from dataclasses import dataclass, replace

from django.utils.safestring import SafeString, mark_safe

from adapters.process.terminal import PLAIN as PLAIN_TEXT
from adapters.process.terminal import TOKEN, last_rewrite
from jobs.pages.shared.autolink import linked

# Eight colours; black and white are the ink itself. 7 is "dim".
_BASIC = (0, 1, 2, 3, 4, 5, 6, 0)
DIM = 7
_COLOURS = ("", "ansi-red", "ansi-green", "ansi-yellow", "ansi-blue", "ansi-magenta", "ansi-cyan")


@dataclass(frozen=True)
class Style:
    colour: int = 0
    bold: bool = False
    dim: bool = False

    @property
    def classes(self) -> str:
        names = []
        if 1 <= self.colour <= 6:
            names.append(_COLOURS[self.colour])
        if self.bold:
            names.append("ansi-bold")
        if (self.dim or self.colour == DIM) and not 1 <= self.colour <= 6:
            names.append("ansi-dim")
        return " ".join(names)


PLAIN = Style()


def render(raw: bytes) -> SafeString:
    """One line, without its end; of one that is started over, its last state."""
    text = last_rewrite(raw).decode("utf-8", "replace")
    if PLAIN_TEXT.match(text):
        return mark_safe(linked(text))  # noqa: S308 - escaped
    pieces, style, at = [], PLAIN, 0
    for token in TOKEN.finditer(text):
        pieces.append(_span(text[at : token.start()], style))
        at = token.end()
        if token["sgr"] is not None:
            style = _apply(style, token["sgr"])
    pieces.append(_span(text[at:], style))
    return mark_safe("".join(pieces))  # noqa: S308 - every piece is escaped


def _span(text: str, style: Style) -> str:
    if not text:
        return ""
    classes, markup = style.classes, linked(text)
    return f'<span class="{classes}">{markup}</span>' if classes else markup


def _apply(style: Style, codes: str) -> Style:
    numbers = [int(code) if code.isdigit() and len(code) < 4 else 0 for code in re.split("[;:]", codes)]
    at = 0
    while at < len(numbers):
        code = numbers[at]
        if code == 0:
            style = PLAIN
        elif code == 1:
            style = replace(style, bold=True)
        elif code == 2:
            style = replace(style, dim=True)
        elif code == 22:
            style = replace(style, bold=False, dim=False)
        elif 30 <= code <= 37:
            style = replace(style, colour=_BASIC[code - 30])
        elif 90 <= code <= 97:
            style = replace(style, colour=_BASIC[code - 90] or (DIM if code == 90 else 0))
        elif code == 39:
            style = replace(style, colour=0)
        elif code in (38, 48):
            colour, used = _extended(numbers[at + 1 :])
            at += used
            if code == 38:
                style = replace(style, colour=colour)
        at += 1
    return style


def _extended(rest: list[int]) -> tuple[int, int]:
    """256 and true colour, as the nearest of the eight; how many numbers they took."""
    if len(rest) >= 2 and rest[0] == 5:
        return _of_256(rest[1]), 2
    if len(rest) >= 4 and rest[0] == 2:
        return nearest(rest[1], rest[2], rest[3]), 4
    return 0, len(rest)


def _of_256(code: int) -> int:
    if code < 16:
        return _BASIC[code % 8] or (DIM if code == 8 else 0)
    if code < 232:
        code -= 16
        return nearest(*(0 if n == 0 else 55 + 40 * n for n in (code // 36, code // 6 % 6, code % 6)))
    return DIM if 236 <= code <= 248 else 0


def nearest(red: int, green: int, blue: int) -> int:
    low, high = min(red, green, blue), max(red, green, blue)
    if high - low < 48:
        return DIM if 70 <= high <= 190 else 0
    edge = low + (high - low) * 0.55
    bits = (red > edge) | (green > edge) << 1 | (blue > edge) << 2
    return bits if 1 <= bits <= 6 else 0
