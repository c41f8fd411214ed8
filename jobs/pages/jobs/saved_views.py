"""Saved views: the menu beside the filters of the jobs list, and the forms that it opens."""

from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import render, resolve_url

from jobs.errors import InvalidDocument
from jobs.models import SavedView
from jobs.pages.jobs.filters import FIELDS, Filters
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import done, is_htmx
from jobs.pages.shared.page_view import PageRequest, page
from jobs.services.accounts import saved_views


def query_of(params: QueryDict) -> str:
    """The filters alone: the cursor of a page belongs to no view."""
    return Filters.read(params).query


def menu(request: PageRequest, filters: Filters) -> dict[str, Any]:
    """Own views and those of the team; the one on screen is marked."""
    here = filters.query
    found = list(request.actor.views()[:60])
    for view in found:
        view.on = view.query == here
        view.mine = request.actor.may_change(view)
    mine = [view for view in found if view.owner_id == request.actor.user.pk]
    return {"own_views": mine, "team_views": [view for view in found if view not in mine], "here": here}


class ViewForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        help_text="Your view of the same name is replaced.",
        error_messages=dict.fromkeys(("required", "max_length"), "Give it a name of at most 80 characters."),
    )
    shared = forms.BooleanField(required=False)


@page("GET", "HEAD", "POST")
def new(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, query_of(request.GET), ViewForm())
    query = query_of(QueryDict(request.POST.get("query", "")[:2000]))
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _form(request, query, form)
    try:
        view = saved_views.save(request.actor.user, **form.cleaned_data, query=query, by=request.actor.name)
    except InvalidDocument as refusal:
        form.add_error("name", refusal.message)
        return _form(request, query, form)
    return done(request, f"{view.name} is in the Views menu.", _list(query))


def _form(request: PageRequest, query: str, form: ViewForm) -> HttpResponse:
    shown = Filters.read(QueryDict(query))
    filters = [(facet.label, ", ".join(shown.words(name))) for name, facet in FIELDS.items() if shown.words(name)]
    context = {"query": query, "filters": filters, "form": form, "back": _list(query)}
    template = "jobs/_view_form.html" if is_htmx(request) else "jobs/view_form.html"
    return render(request, template, context, status=422 if form.errors else 200)


def _list(query: str) -> str:
    return resolve_url("jobs") + (f"?{query}" if query else "")


@page("GET", "HEAD", "POST")
def delete(request: PageRequest, pk: int) -> HttpResponse:
    view: SavedView | None = request.actor.views().filter(pk=pk).first()
    if view is None:
        raise missing("view", str(pk))
    request.actor.require_to_change(view)
    if request.method == "POST":
        saved_views.delete(view, by=request.actor.name)
        return done(request, f"{view.name} is deleted.", resolve_url("jobs"))
    note = "It is gone for everybody." if view.shared else "The jobs that it shows stay."
    return ask(request, "Delete view", view.name, note, _list(view.query))


def ask(request: PageRequest, what: str, name: str, note: str, back: str) -> HttpResponse:
    """A question before something is deleted: a dialog for htmx, a page without. The form posts to the same address."""
    template = "shared/_ask.html" if is_htmx(request) else "shared/ask.html"
    return render(request, template, {"what": what, "name": name, "note": note, "back": back})
