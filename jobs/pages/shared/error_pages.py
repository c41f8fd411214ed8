"""The pages for what is not there, not allowed or broken."""

import logging
import secrets

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from jobs.roles import roles_with

log = logging.getLogger("engine.pages")


def missing(what: str, name: str) -> Http404:
    """Raise this: the page then says what was looked for."""
    return Http404({"what": what, "name": name})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    said = exception.args[0] if exception.args else None
    about = said if isinstance(said, dict) and "name" in said else {}
    signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
    return render(request, "404.html", {**about, "layout": "base.html" if signed_in else "bare.html"}, status=404)


def not_allowed(request: HttpRequest, why: str = "", *, scope: str = "", shell: bool = False) -> HttpResponse:
    """Says who is signed in and which roles have the `scope`, and lets them sign out.

    `shell`: with the menu, for those who may read.
    """
    context = {"layout": "base.html" if shell else "bare.html", "why": why, "needed": roles_with(scope)}
    return render(request, "403.html", context, status=403)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return not_allowed(request)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403.html", {"layout": "bare.html", "stale": True}, status=403)


def broken(request: HttpRequest) -> HttpResponse:
    """Touches neither the database nor the session: those may be what is broken."""
    number = secrets.token_hex(5)
    log.error("request %s failed: %s %s", number, request.method, request.path)
    return render(request, "500.html", {"layout": "bare.html", "number": number}, status=500)
