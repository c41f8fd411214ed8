"""The known word that somebody probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 60  # difflib takes quadratic time, and nobody mistypes a longer word
_SHORTEST_BEGINNING = 3
_OTHER_WORDS = {
    "cwd": "working_dir",
    "program": "exe",
    "executable": "exe",
    "idle": "stalled",
    "retry": "retry_same",
    "never": "none",
    "": "none",
}


def nearest(word: str, words: Iterable[str], closeness: float = 0.6) -> str:
    """The one of `words` that is written most like `word`, or an empty string."""
    if len(word) > _LONGEST:
        return ""
    plain = {squashed(known): known for known in words}
    mine = squashed(word)
    if mine in plain:
        return plain[mine]
    if (other := _OTHER_WORDS.get(mine, "")) in plain.values():
        return other
    begins = [known for known in plain if _begin_alike(mine, known)]
    close = get_close_matches(mine, plain, n=1, cutoff=closeness) or begins[:1]
    return plain[close[0]] if close else ""


def squashed(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _begin_alike(mine: str, known: str) -> bool:
    shorter, longer = sorted((mine, known), key=len)
    return len(shorter) >= _SHORTEST_BEGINNING and longer.startswith(shorter)
