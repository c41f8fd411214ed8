"""Whole numbers in the query string of a page's address."""

MAX_KEY = 2**63 - 1  # of a row


def whole_number[Default: int | None](
    text: str | None, default: Default, *, least: int = 0, most: int = MAX_KEY
) -> int | Default:
    """`default` for anything else: such an address was not made by a page, and a number tells no more than where to look."""
    if not text or not (text.isascii() and text.isdigit()) or len(text) > len(str(most)):
        return default
    return int(text) if least <= int(text) <= most else default
