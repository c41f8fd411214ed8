"""Job templates: the list under Settings, and the form that saves one from a job or from what was typed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.text import slugify

import schema
from jobs.errors import InvalidDocument, NotAllowed, Refused, WrongState
from jobs.models import JobTemplate
from jobs.pages.account.settings_pages import TABS
from jobs.pages.jobs.job_detail import find_job
from jobs.pages.jobs.saved_views import ask
from jobs.pages.shared.htmx import done
from jobs.pages.shared.page_view import PageRequest, page
from jobs.pages.submit import form_data
from jobs.pages.submit.form import dry_run, show
from jobs.services.submission import job_templates
from schema.options import JobOptions


class TemplateForm(forms.Form):
    replace = forms.CharField(required=False, widget=forms.HiddenInput)
    title = forms.CharField(
        max_length=200,
        error_messages=dict.fromkeys(("required", "max_length"), "A title takes 1 to 200 characters."),
    )
    slug = forms.RegexField(
        job_templates.SLUG,
        label="Name in addresses",
        required=False,
        max_length=80,
        help_text="Small letters, digits, - and _. Left empty: made of the title.",
        widget=forms.TextInput(attrs={"class": "mono", "pattern": r"[a-z0-9][a-z0-9_\-]*"}),
        error_messages={"invalid": "The name is of small letters, digits, - and _, at most 80 of them."},
    )
    description = forms.CharField(required=False, max_length=500)
    shared = forms.BooleanField(required=False)
    document = forms.CharField(
        strip=False,
        help_text="Job id and run are new for each use.",
        widget=forms.Textarea(attrs={"class": "mono tall", "spellcheck": "false"}),
        error_messages={"required": "Not a valid job document."},
    )

    def clean_slug(self) -> str:
        return str(self.cleaned_data["slug"]) or slugify(self.cleaned_data.get("title", ""))[:80]

    def clean_document(self) -> str:
        return str(self.cleaned_data["document"]).replace("\r\n", "\n")


@dataclass(frozen=True)
class TemplateRow:
    template: JobTemplate
    may_change: bool


@page()
def listed(request: PageRequest) -> HttpResponse:
    rows = [TemplateRow(one, request.actor.may_change(one)) for one in request.actor.templates()[:200]]
    return render(
        request,
        "settings/templates.html",
        {"tab": "templates", "tabs": TABS, "rows": rows, "may_submit": request.actor.may("submit")},
    )


@page("GET", "HEAD", "POST", scope="submit")
def new(request: PageRequest) -> HttpResponse:
    """From a job, or to change a template; a POST saves it."""
    if request.method == "POST":
        return _save(request)
    if request.GET.get("job"):
        job = find_job(request, request.GET["job"])
        return _of_document(request, job.spec, title=job.title)
    if request.GET.get("template"):
        row = request.actor.template(request.GET["template"], change=True)
        return _of_document(
            request,
            row.document,
            title=row.title,
            description=row.description,
            shared=row.shared,
            slug=row.slug,
            replace=row.slug,
        )
    return _of_document(request, {})


@page("POST", scope="submit")
def draft(request: PageRequest) -> HttpResponse:
    """Take the submit form's document, if it is valid, to the form that names a template."""
    if "doc" in request.POST:
        document, _ = schema.parse(request.POST["doc"].replace("\r\n", "\n"))
        return _of_document(request, document if isinstance(document, dict) else {}, text=request.POST["doc"])
    typed = form_data.read(request.POST.dict())
    result = dry_run(request, typed)
    if not result["ok"]:
        return show(request, typed, dry=result, status=422)
    return _of_document(request, typed.document or {})


def _of_document(request: PageRequest, document: dict[str, Any], *, text: str = "", **fields: Any) -> HttpResponse:
    """The form as it starts from a document, without the values of its environment."""
    kept = job_templates.without_values(document)
    title = fields.pop("title", "") or JobOptions.from_document(document).title or ""
    dropped = isinstance(document.get("env"), dict) and document["env"] != kept.get("env", {})
    text = json.dumps(kept, indent=2, ensure_ascii=False) if document else text
    form = TemplateForm(initial={"title": title, "slug": slugify(title)[:80], "document": text, **fields})
    return _form(request, form, dropped=dropped)


def _form(
    request: PageRequest, form: TemplateForm, *, problems: Sequence[Any] = (), dropped: bool = False, status: int = 200
) -> HttpResponse:
    context = {"tab": "templates", "tabs": TABS, "form": form, "problems": problems, "dropped": dropped}
    return render(request, "settings/template_form.html", context, status=status)


def _save(request: PageRequest) -> HttpResponse:
    form = TemplateForm(request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    typed = form.cleaned_data
    document, problems = schema.parse(typed["document"])
    if problems:
        form.add_error("document", "Not a valid job document.")
        return _form(request, form, problems=problems, status=422)
    try:
        _store(request, document, typed)
    except NotAllowed:
        raise
    except Refused as refusal:
        form.add_error("slug" if isinstance(refusal, WrongState) else "document", refusal.message)
        problems = refusal.problems if isinstance(refusal, InvalidDocument) else []
        return _form(request, form, problems=problems, status=refusal.status)
    return done(request, f"{typed['title']} is a template now.", resolve_url("templates"))


def _store(request: PageRequest, document: Any, typed: dict[str, Any]) -> None:
    """Raises Refused."""
    slug, replace = typed["slug"], typed["replace"] == typed["slug"]
    if replace:
        request.actor.template(slug, change=True)
    request.actor.require_submit_to(job_templates.repository_of(job_templates.check(document)))
    job_templates.save(
        slug,
        document,
        owner=request.actor.user,
        by=request.actor.name,
        replace=replace,
        title=typed["title"],
        description=typed["description"],
        shared=typed["shared"],
    )


@page("GET", "HEAD", "POST", scope="submit")
def delete(request: PageRequest, slug: str) -> HttpResponse:
    row = request.actor.template(slug, change=True)
    if request.method == "POST":
        job_templates.delete(row, by=request.actor.name)
        return done(request, f"{row.title} is deleted.", resolve_url("templates"))
    note = (
        "It is gone for everybody; jobs that started from it stay." if row.shared else "Jobs that started from it stay."
    )
    return ask(request, "Delete template", row.title, note, resolve_url("templates"))
