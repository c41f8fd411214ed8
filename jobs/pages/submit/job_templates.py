"""Job templates: the list under Settings, and the form that saves one from a job or from what was typed."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.text import slugify

import schema
from jobs.errors import InvalidDocument, NotAllowed, Refused
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
        return _form(request, job.spec, title=job.title)
    if request.GET.get("template"):
        row = request.actor.template(request.GET["template"], change=True)
        return _form(
            request,
            row.document,
            title=row.title,
            description=row.description,
            shared=row.shared,
            slug=row.slug,
            replace=row.slug,
        )
    return _form(request, {})


@page("POST", scope="submit")
def draft(request: PageRequest) -> HttpResponse:
    """Take the submit form's document, if it is valid, to the form that names a template."""
    if "doc" in request.POST:
        document, _ = schema.parse(request.POST["doc"].replace("\r\n", "\n"))
        return _form(request, document if isinstance(document, dict) else {}, text=request.POST["doc"])
    typed = form_data.read(request.POST.dict())
    result = dry_run(request, typed)
    if not result["ok"]:
        return show(request, typed, dry=result, status=422)
    return _form(request, typed.document or {})


def _form(
    request: PageRequest,
    document: dict[str, Any],
    *,
    text: str = "",
    fault: str = "",
    problems: Any = (),
    status: int = 200,
    **fields: Any,
) -> HttpResponse:
    kept = job_templates.without_values(document)
    title = fields.pop("title", "") or JobOptions.from_document(document).title or ""
    dropped = isinstance(document.get("env"), dict) and document["env"] != kept.get("env", {})
    return render(
        request,
        "settings/template_form.html",
        {
            "tab": "templates",
            "tabs": TABS,
            "title": title,
            "slug": slugify(title)[:80],
            "fault": fault,
            "dropped": dropped,
            "problems": problems,
            "text": json.dumps(kept, indent=2, ensure_ascii=False) if document else text,
            **fields,
        },
        status=status,
    )


def _save(request: PageRequest) -> HttpResponse:
    post = request.POST
    text, title = post.get("document", "").replace("\r\n", "\n"), post.get("title", "").strip()
    slug = post.get("slug", "").strip() or slugify(title)[:80]
    description, shared = post.get("description", "").strip(), bool(post.get("shared"))
    replace = post.get("replace", "") == slug
    document, problems = schema.parse(text)
    fault, status = "Not a valid job document.", 422
    if not problems:
        try:
            if replace:
                request.actor.template(slug, change=True)
            request.actor.require_submit_to(job_templates.repository_of(job_templates.check(document)))
            job_templates.save(
                slug,
                document,
                owner=request.actor.user,
                by=request.actor.name,
                replace=replace,
                title=title,
                description=description,
                shared=shared,
            )
        except NotAllowed:
            raise
        except Refused as refusal:
            fault, status = refusal.message, refusal.status
            problems = refusal.problems if isinstance(refusal, InvalidDocument) else []
        else:
            return done(request, f"{title} is a template now.", resolve_url("templates"))
    return _form(
        request,
        {},
        text=text,
        fault=fault,
        problems=problems,
        status=status,
        slug=slug,
        replace=post.get("replace", ""),
        title=title,
        description=description,
        shared=shared,
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
