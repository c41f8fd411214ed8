"""Answers to forms: a redirect for a browser, the changed part for htmx."""

from hashlib import blake2s
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from jobs.errors import Refused


class HtmxRequest(HttpRequest):
    """A request that came through the middleware of django-htmx: every one that a view sees."""

    htmx: HtmxDetails


def is_htmx(request: HttpRequest) -> bool:
    """Whether a part of a page is wanted: after "back", htmx asks for the whole page."""
    htmx = cast(HtmxRequest, request).htmx
    return bool(htmx) and not htmx.history_restore_request


def tag(*parts: object) -> str:
    """The tag of a polled part, from everything that it shows."""
    return blake2s(repr(parts).encode(), digest_size=9).hexdigest()


def toast(sentence: str, *, bad: bool = False) -> str:
    """Parts that say what came of an action: for the eye above the content, for the ear in the live region."""
    return render_to_string("shared/_toast.html", {"sentence": sentence, "bad": bad})


def see(to: str) -> HttpResponse:
    answer = redirect(to)
    answer.status_code = 303
    return answer


def done(request: HttpRequest, sentence: str, to: str) -> HttpResponse:
    """After an action that leads to a page of its own."""
    messages.success(request, sentence)
    return HttpResponseClientRedirect(to) if is_htmx(request) else see(to)


def refused(request: HttpRequest, refusal: Refused, to: str) -> HttpResponse:
    """After an action that was not done: the sentence, and the present state on the page that it came from."""
    if is_htmx(request):
        return HttpResponse(toast(refusal.message, bad=True), status=refusal.status)
    messages.error(request, refusal.message)
    return see(to)
