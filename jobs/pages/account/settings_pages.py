"""Settings: what is the person's own, and what the server's operators have set, to read."""

import platform
import sqlite3
import sys
from datetime import timedelta
from importlib.metadata import version
from typing import Any, cast

import django
from django import forms
from django.conf import settings as conf
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.urls import reverse

from jobs import db
from jobs.access import NEEDS, Actor
from jobs.errors import Refused
from jobs.models import ApiToken
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, refused
from jobs.pages.shared.labels import duration, size
from jobs.pages.shared.page_view import PageRequest, page
from jobs.roles import TOKEN_SCOPES
from jobs.services.accounts import passwords, tokens
from jobs.services.execution import confinement

TABS = (
    ("profile", "Profile"),
    ("tokens", "API tokens"),
    ("templates", "Templates"),
    ("policies", "Policies"),
    ("retention", "Retention"),
    ("about", "About"),
)
LIVES = {"90": "In 90 days", "30": "In 30 days", "365": "In a year", "": "Never"}


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "Where will it be used?"}),
        error_messages={"required": "Give it a name, so that you know later what it is for."},
    )
    scope = forms.MultipleChoiceField(label="It may", required=False, widget=forms.CheckboxSelectMultiple)
    days = forms.ChoiceField(label="Expires", choices=LIVES, required=False)

    def __init__(self, actor: Actor, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"scope": ["read"], "days": "90"})
        scopes = [scope for scope in TOKEN_SCOPES if actor.may(scope)]
        cast(forms.MultipleChoiceField, self.fields["scope"]).choices = [
            (one, NEEDS[one].capitalize()) for one in scopes
        ]

    def clean_days(self) -> timedelta | None:
        days = self.cleaned_data["days"] if "days" in self.data else "90"
        return timedelta(days=int(days)) if days else None


@page()
def settings(request: PageRequest, tab: str) -> HttpResponse:
    if tab not in dict(TABS):  # "templates" has a page of its own
        raise missing("page of settings", tab)
    context: dict[str, Any] = {"tab": tab, "tabs": TABS, "scopes": sorted(request.actor.scopes)}
    if tab == "profile":
        context["form"] = _password_form(request)
    if tab == "tokens":
        return _tokens(request, context)
    if tab == "policies":
        context["facts"] = policies()
    if tab == "retention":
        context["facts"] = [
            (
                "Jobs, attempts and logs",
                f"kept for {conf.ENGINE_RETENTION_DAYS} days after their end",
                "ENGINE_RETENTION_DAYS",
            ),
            (
                "Log of one attempt",
                f"at most {size(conf.ENGINE_LOG_LIMIT_BYTES)}; of a longer one the head and the tail",
                "ENGINE_LOG_LIMIT_MB",
            ),
            (
                "Copy of a log for other web hosts",
                f"the first {size(conf.ENGINE_LOG_COPY_BYTES)}",
                "ENGINE_LOG_COPY_MB",
            ),
        ]
    if tab == "about":
        context["facts"] = about()
    return render(request, f"settings/{tab if tab == 'profile' else 'facts'}.html", context)


def policies() -> list[tuple[str, str, str]]:
    """(name, value, environment variable) of what is set where the server is started."""
    limits = ", ".join(f"{name} {limit}" for name, limit in conf.ENGINE_TOOL_LIMITS.items())
    return [
        ("Jobs at once on a worker", str(conf.ENGINE_SLOTS), "ENGINE_SLOTS"),
        ("Limits of tools", limits or "none; operators may set them under Tools", "ENGINE_TOOL_LIMITS"),
        ("Time limit without one in the job", duration(conf.ENGINE_TIMEOUT_S), "ENGINE_TIMEOUT_S"),
        ("Time to end after a cancel", duration(conf.ENGINE_CANCEL_GRACE_S), "ENGINE_CANCEL_GRACE_S"),
        ("A lower priority overtakes after", f"{duration(conf.ENGINE_AGEING_S)} for each level", "ENGINE_AGEING_S"),
        (
            "A tool's circuit opens after",
            f"{conf.ENGINE_CIRCUIT_FAILURES} failures of ours in a row",
            "ENGINE_CIRCUIT_FAILURES",
        ),
        ("And is tried again after", duration(conf.ENGINE_CIRCUIT_OPEN_S), "ENGINE_CIRCUIT_OPEN_S"),
        ("The shell tool", "is allowed" if conf.ENGINE_ALLOW_SHELL else "is switched off", "ENGINE_ALLOW_SHELL"),
        ("Programs besides those of adapters", ", ".join(conf.ENGINE_EXECUTABLES) or "none", "ENGINE_EXECUTABLES"),
        ("Confinement of tools", confinement.state()[1], "ENGINE_CONFINE"),
        ("Directories in which jobs work", ", ".join(conf.ENGINE_ROOTS), "ENGINE_ROOTS"),
    ]


def about() -> list[tuple[str, str, str]]:
    vendor = db.connection().vendor
    facts = [
        ("Engine", version("engine-jobs")),
        ("Python", sys.version.split()[0]),
        ("Django", django.get_version()),
        ("Queue", f"django-q2 {version('django-q2')}"),
        ("Pages", f"django-htmx {version('django-htmx')}"),
        ("Database", f"SQLite {sqlite3.sqlite_version}" if vendor == "sqlite" else vendor),
        ("System", f"{platform.system()} {platform.release()}"),
    ]
    return [("Node", conf.ENGINE_NODE, "ENGINE_NODE"), *((name, value, "") for name, value in facts)]


def _tokens(
    request: PageRequest, context: dict[str, Any], made: str = "", form: TokenForm | None = None, status: int = 200
) -> HttpResponse:
    rows = list(ApiToken.objects.filter(user=request.actor.user, revoked_at=None)[:100])
    return render(
        request,
        "settings/tokens.html",
        context
        | {
            "tokens": rows,
            "made": made,
            "form": form or TokenForm(request.actor),
            "jobs_address": request.build_absolute_uri(reverse("api:api-root") + "jobs"),
        },
        status=status,
    )


def _password_form(request: PageRequest) -> PasswordChangeForm:
    form = PasswordChangeForm(request.actor.user, request.POST or None)
    form.fields["old_password"].widget.attrs.pop("autofocus", None)  # who comes to the page wants to read it
    return form


@page("GET", "HEAD", "POST")
def password(request: PageRequest) -> HttpResponse:
    """Change one's own password; the other sessions of the person end, this one goes on."""
    form = _password_form(request)
    if request.method == "POST" and form.is_valid():
        passwords.change(request.actor.user, form.cleaned_data["new_password1"])
        update_session_auth_hash(request, request.actor.user)
        return done(request, "Your password is changed.", resolve_url("settings", tab="profile"))
    context = {"tab": "profile", "tabs": TABS, "scopes": sorted(request.actor.scopes), "form": form}
    return render(request, "settings/profile.html", context, status=422 if form.errors else 200)


@page("POST")
def token_new(request: PageRequest) -> HttpResponse:
    """Shows the token in the answer itself: it is never stored, so there is no page to redirect to."""
    context: dict[str, Any] = {"tab": "tokens", "tabs": TABS}
    form = TokenForm(request.actor, request.POST)
    if not form.is_valid():
        return _tokens(request, context, form=form, status=422)
    name, scopes, life = form.cleaned_data["name"], form.cleaned_data["scope"], form.cleaned_data["days"]
    expires = db.now() + life if life else None
    try:
        _, secret = tokens.create(request.actor.user, name, scopes, by=request.actor.name, expires_at=expires)
    except Refused as refusal:
        form.add_error("name", refusal.message)
        return _tokens(request, context, form=form, status=refusal.status)
    answer = _tokens(request, context, made=secret)
    answer["Cache-Control"] = "no-store"
    return answer


@page("POST")
def token_revoke(request: PageRequest, pk: int) -> HttpResponse:
    to = resolve_url("settings", tab="tokens")
    token = ApiToken.objects.filter(user=request.actor.user, pk=pk).first()
    if token is None:
        raise missing("token", str(pk))
    try:
        tokens.revoke(token, by=request.actor.name)
    except Refused as refusal:
        return refused(request, refusal, to)
    return done(request, f"{token.name} is revoked.", to)
