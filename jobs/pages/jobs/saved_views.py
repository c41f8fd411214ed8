"""Saved views: the menu beside the filters of the jobs list, and the forms that it opens."""

from typing import Any

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


@page("GET", "HEAD", "POST")
def new(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, query_of(request.GET))
    query = query_of(QueryDict(request.POST.get("query", "")[:2000]))
    name = request.POST.get("name", "")
    try:
        view = saved_views.save(
            request.actor.user, name, query, shared=bool(request.POST.get("shared")), by=request.actor.name
        )
    except InvalidDocument as refusal:
        return _form(request, query, name=name, fault=refusal.message)
    return done(request, f"{view.name} is in the Views menu.", _list(query))


def _form(request: PageRequest, query: str, name: str = "", fault: str = "") -> HttpResponse:
    shown = Filters.read(QueryDict(query))
    filters = [(facet.label, ", ".join(shown.words(name))) for name, facet in FIELDS.items() if shown.words(name)]
    context = {
        "query": query,
        "filters": filters,
        "name": name,
        "fault": fault,
        "back": _list(query),
        "shared": bool(request.POST.get("shared")),
    }
    template = "jobs/_view_form.html" if is_htmx(request) else "jobs/view_form.html"
    return render(request, template, context, status=422 if fault else 200)


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
