"""Suggestions for misspelt words: the known word that is closest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_MAX_LENGTH = 60  # difflib takes quadratic time, and a longer word is not a typing error
_MIN_PREFIX = 3
_SYNONYMS = {
    "cwd": "working_dir",
    "program": "exe",
    "executable": "exe",
    "idle": "stalled",
    "retry": "retry_same",
    "never": "none",
    "": "none",
}


def closest_match(word: str, words: Iterable[str], min_similarity: float = 0.6) -> str:
    """The one of `words` that is most similar to `word`, or an empty string. `min_similarity` is from 0 to 1."""
    if len(word) > _MAX_LENGTH:
        return ""
    by_form = {normalized(known): known for known in words}
    form = normalized(word)
    if form in by_form:
        return by_form[form]
    if (synonym := _SYNONYMS.get(form, "")) in by_form.values():
        return synonym
    same_prefix = [known for known in by_form if _share_prefix(form, known)]
    close = get_close_matches(form, by_form, n=1, cutoff=min_similarity) or same_prefix[:1]
    return by_form[close[0]] if close else ""


def normalized(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _share_prefix(first: str, second: str) -> bool:
    shorter, longer = sorted((first, second), key=len)
    return len(shorter) >= _MIN_PREFIX and longer.startswith(shorter)
