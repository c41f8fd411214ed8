"""Shortening of tools' text for people."""

CUT = 300  # characters of a quoted line; the log has the rest


def cut(text: str, limit: int = CUT) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
