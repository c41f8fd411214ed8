"""Decorator of every page: sign-in, scope, polls that found nothing new, and refusals."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from jobs.access import Actor, actor_of
from jobs.errors import NotAllowed, NotFound
from jobs.models.job import JobQuerySet
from jobs.pages.shared import error_pages
from jobs.roles import Scope


class PageRequest(HttpRequest):
    """A request of a signed-in person, with what they may see."""

    actor: Actor
    htmx: HtmxDetails
    polled: Any
    counted: dict[str, int]


View = Callable[..., HttpResponseBase]


def page(*methods: str, scope: Scope = "read", part: bool = False) -> Callable[[View], View]:
    """Let in who may `scope`; GET unless told otherwise. `part`: a piece for polling, never kept by a cache."""
    allowed = methods or ("GET", "HEAD")

    def wrap(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            if not request.user.is_authenticated:
                return _signed_out(request, part)
            checked = cast(PageRequest, request)
            checked.actor = actor_of(request)
            try:
                checked.actor.require(scope)
                response = view(checked, *args, **kwargs)
            except NotFound as refusal:
                raise error_pages.missing("", refusal.message) from None
            except NotAllowed as refusal:
                return error_pages.not_allowed(
                    request,
                    refusal.message,
                    scope=str(refusal.extra.get("scope", "")),
                    shell=checked.actor.may("read") and not part,
                )
            if part:
                response["Cache-Control"] = "no-store"
            return response

        return inner

    return wrap


def _signed_out(request: HttpRequest, part: bool) -> HttpResponse:
    """The login page; for a request of a script a 401, so that the page and what was typed in it stay."""
    if part or cast(PageRequest, request).htmx:
        return HttpResponse(status=401, headers={"HX-Reswap": "none"})
    return redirect_to_login(request.get_full_path())


def jobs_of(actor: Actor) -> JobQuerySet:
    return actor.jobs()
