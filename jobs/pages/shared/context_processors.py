"""What every page shows around its content."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from jobs.access import Actor
from jobs.pages.shared.counting import count_all
from jobs.states import ACTIVE_RUNS, ALIVE, ErrorState

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme and keys come from cookies, so the first paint is right; the counts cost one query, and none if unused."""
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in THEMES else "",
        "keys_off": request.COOKIES.get("keys") == "off",
        "counts": SimpleLazyObject(lambda: _counts(request)),
        "may_submit": SimpleLazyObject(lambda: _may_submit(request)),
        "section": request.path.split("/")[1] or "overview",
    }


def wanted(actor: Actor) -> dict[str, QuerySet[Any, Any]]:
    """The counts beside the menu's entries."""
    return {
        "jobs": actor.jobs().filter(status__in=ALIVE),
        "runs": actor.runs().filter(status__in=ACTIVE_RUNS),
        "errors": actor.errors().filter(state=ErrorState.OPEN),
    }


def _may_submit(request: HttpRequest) -> bool:
    actor: Actor | None = getattr(request, "actor", None)
    return actor is not None and actor.may("submit")


def _counts(request: HttpRequest) -> dict[str, int]:
    """A view that counts anyway may have counted these too, and left them with the request."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        return {}
    counted: dict[str, int] | None = getattr(request, "counted", None)
    return count_all(wanted(actor)) if counted is None else counted
