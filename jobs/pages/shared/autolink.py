"""Addresses in text become links: http and https only, everything escaped."""

import re

from django.utils.html import escape

# Bounded, and with nothing that can be matched in two ways: the time is linear.
ADDRESS = re.compile(r"(?<![A-Za-z0-9])https?://[A-Za-z0-9\[][^\s<>\"'`\\^{|}]{0,2000}")
CLOSING = {")": "(", "]": "["}


def linked(text: str) -> str:
    """The text as markup."""
    if "://" not in text:
        return str(escape(text))
    parts, at = [], 0
    for match in ADDRESS.finditer(text):
        address = _without_punctuation(match[0])
        parts += [escape(text[at : match.start()]), _link(address)]
        at = match.start() + len(address)
    return "".join([*parts, escape(text[at:])])


def _link(address: str) -> str:
    shown = escape(address)
    return f'<a href="{shown}" target="_blank" rel="noopener noreferrer">{shown}</a>'


def _without_punctuation(address: str) -> str:
    """Without what belongs to the sentence around it: a full stop, a bracket that was opened before."""
    while address[-1] in ".,;:!?" or (
        address[-1] in CLOSING and address.count(address[-1]) > address.count(CLOSING[address[-1]])
    ):
        address = address[:-1]
    return address
