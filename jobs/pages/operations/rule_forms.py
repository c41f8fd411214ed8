"""The forms with which operators pause and limit tools and queues."""

from django.http import HttpRequest

from jobs.errors import InvalidDocument

MAX_LIMIT = 10_000


def reason_of(request: HttpRequest) -> str:
    return request.POST.get("reason", "")[:200]


def limit_of(request: HttpRequest) -> int | None:
    """Raises InvalidDocument for what is neither a whole number nor empty."""
    text = request.POST.get("limit", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > MAX_LIMIT:
        raise InvalidDocument(f"A limit is a whole number up to {MAX_LIMIT:,}, or empty for none.")
    return int(text)


def unknown(action: str) -> InvalidDocument:
    return InvalidDocument(f"Unknown action {action!r}.")
