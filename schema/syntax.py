"""Syntax errors: what is wrong with text that is not JSON, with the usual mistake at that point."""

from __future__ import annotations

import json
import re

from .problems import Problem, sanitized

_WORD = re.compile(r"[A-Za-z_]\w*")
_LITERALS = {"True": "true", "False": "false", "None": "null", "TRUE": "true", "FALSE": "false", "NULL": "null"}
_WORD_EXPECTED = ("Expecting value", "Expecting property name")
# The start of each of the decoder's messages, for what the character alone does not show.
_SENTENCES = {
    "Expecting ',' delimiter": 'A comma is missing before this point, or a double quote inside a string is not escaped as \\".',
    "Expecting ':' delimiter": "A colon is missing after the key.",
    "Expecting property name": "Expected a key in double quotes.",
    "Expecting value": "Expected a value.",
    "Unterminated string": "The string that starts here has no closing double quote.",
    "Invalid control character": "Control characters in a string must be escaped, for example as \\t.",
    "Invalid \\escape": "Backslashes in a string must be doubled: write \\\\.",
    "Invalid \\uXXXX escape": "\\u must be followed by four hexadecimal digits; write a literal backslash as \\\\.",
    "Extra data": "Unexpected text after the end of the document: delete it.",
}


def syntax_problem(text: str, error: json.JSONDecodeError) -> Problem:
    at, sentence = _diagnosis(text, error.pos, error.msg)
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    # One character and no more: what follows may be a secret.
    found = json.dumps(text[at], ensure_ascii=False) if at < len(text) else "the end of the document"
    return sanitized(Problem("", f"Invalid JSON at column {column:,}: {sentence}", found, "JSON", line=line))


def _diagnosis(text: str, at: int, message: str) -> tuple[int, str]:
    """The position to report, and what to do there."""
    if not text.strip():
        return 0, "The document is empty."
    before = text[:at].rstrip()
    if message.startswith("Invalid control character") and text[at] in "\r\n":
        return at, "The string on this line has no closing double quote; write a line break inside a string as \\n."
    if message.startswith(("Unterminated", "Invalid")):
        return at, _sentence(message)
    if message.startswith("Illegal trailing comma"):
        return at, _trailing(text[at + 1 :].lstrip()[:1])
    if text[at : at + 1] in ("}", "]") and before.endswith(","):
        return len(before) - 1, _trailing(text[at])
    if at >= len(text.rstrip()):
        return at, "Unexpected end of the document: a bracket is not closed."
    return at, _by_character(text, at, message) or _sentence(message)


def _by_character(text: str, at: int, message: str) -> str:
    if text[at] in "'‘’“”„«":
        return 'Use straight double quotes for keys and strings: "…".'
    if text[at] == "#" or text.startswith(("//", "/*"), at):
        return "JSON does not allow comments: delete this one."
    word = _WORD.match(text, at) if message.startswith(_WORD_EXPECTED) else None
    if word and word[0] in _LITERALS:
        return f"Write {_LITERALS[word[0]]} instead of {word[0]}."
    if word:
        return "Put keys and strings in double quotes."
    return ""


def _trailing(bracket: str) -> str:
    return f"Delete the comma before {bracket or 'the bracket'}."


def _sentence(message: str) -> str:
    return next((sentence for begins, sentence in _SENTENCES.items() if message.startswith(begins)), f"{message}.")
