"""Signing in and out, and what a browser remembers about its person."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from jobs.pages.shared.context_processors import THEMES

KEEP_S = 14 * 86_400
YEAR_S = 31_536_000


class SignIn(LoginView):
    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        if self.request.POST.get("keep"):
            self.request.session.set_expiry(KEEP_S)
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_invalid(form)
        answer.status_code = 422
        return answer


def locked_out(request: HttpRequest, credentials: dict[str, Any] | None = None, *_: Any, **__: Any) -> HttpResponse:
    """After too many wrong tries; says nothing about whether the name exists."""
    return render(request, "registration/login.html", {"locked": True}, status=429)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark or the system's; without script the buttons come here."""
    answer = back(request)
    choice = request.POST.get("theme", "")
    if choice in THEMES:
        answer.set_cookie("theme", choice, max_age=YEAR_S, samesite="Lax")
    else:
        answer.delete_cookie("theme", samesite="Lax")
    return answer


@require_POST
def keys(request: HttpRequest) -> HttpResponse:
    """Single-key shortcuts on or off (WCAG 2.1.4)."""
    answer = back(request)
    answer.set_cookie("keys", "on" if request.POST.get("keys") else "off", max_age=YEAR_S, samesite="Lax")
    return answer


def back(request: HttpRequest) -> HttpResponseRedirect:
    """To the page that the form stood on, never to another site."""
    to = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    answer = HttpResponseRedirect(to if safe else "/")
    answer.status_code = 303
    return answer
