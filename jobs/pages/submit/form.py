"""Submit with a form: the fields of the chosen tool, and a dry run beside them."""

import shlex
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render, resolve_url

import schema
from adapters import registry
from adapters.place import place_of
from jobs.errors import InvalidDocument, Refused
from jobs.models import Job, JobTemplate, QueueControl, Secret
from jobs.pages.jobs.job_detail import find_job
from jobs.pages.shared import labels
from jobs.pages.shared.durations import usual
from jobs.pages.shared.htmx import done, is_htmx
from jobs.pages.shared.page_view import PageRequest, jobs_of, page
from jobs.pages.submit import form_data
from jobs.pages.submit.json_editor import send
from jobs.services.reading.tool_status import find_tool, tool_statuses
from jobs.services.reading.wait_reasons import for_submission
from jobs.services.submission import job_paths, submit
from jobs.states import Priority


@page("GET", "HEAD", "POST", scope="submit")
def new(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _posted(request)
    cloned = find_job(request, request.GET["clone"]) if request.GET.get("clone") else None
    template = request.actor.template(request.GET["template"]) if request.GET.get("template") else None
    values = form_data.blank(request.GET.get("tool", ""), request.actor.name)
    values = form_data.of_job(cloned) if cloned else form_data.of_document(template.document) if template else values
    values |= {key: request.GET[key] for key in ("title", "run_id", "ws_id") if request.GET.get(key)}
    return show(request, form_data.Draft(values), cloned=cloned, template=template)


@page("GET", "HEAD", scope="submit", part=True)
def fields(request: PageRequest) -> HttpResponse:
    """The chosen tool's own fields; what was typed in fields of the same name is kept."""
    values = request.GET.dict()
    adapter = form_data.adapter_named(values.get("tool", ""))
    return render(
        request, "submit/_fields.html", _fields(adapter, form_data.Draft(form_data.blank(adapter.name, "") | values))
    )


@page("POST", scope="submit")
def check(request: PageRequest) -> HttpResponse:
    """The dry run: a part for htmx, the whole page without."""
    draft = form_data.read(request.POST.dict())
    result = dry_run(request, draft)
    if is_htmx(request):
        return render(request, "submit/_dry.html", {"dry": result})
    return show(request, draft, dry=result)


def _posted(request: PageRequest) -> HttpResponse:
    draft = form_data.read(request.POST.dict())
    result = dry_run(request, draft)
    if result["ok"]:
        try:
            job = send(request.actor, [draft.document], [None])[0]
        except InvalidDocument as refusal:
            result |= {"ok": False, "problems": refusal.problems}
        except Refused as refusal:
            result |= {"ok": False, "problems": [schema.Problem("", refusal.message)]}
            return show(request, draft, dry=result, status=refusal.status)
        else:
            return done(request, f"{job.title} was submitted.", resolve_url("job", job_id=job.job_id))
    return show(request, draft, dry=result, status=422)


def dry_run(request: PageRequest, draft: form_data.Draft) -> dict[str, Any]:
    """Everything that would be wrong, and what would happen; nothing is written."""
    document = draft.document or {}
    report = submit.check(document) if not draft.errors else submit.Checked([], [])
    places = job_paths.located(document, None)[0] if report.ok and not draft.errors else None
    problems = list(report.problems)
    for problem in problems:
        name = _field_of(problem.pointer)
        if name:
            draft.errors.setdefault(name, form_data.in_words_of_the_form(problem.message))
    tool = document.get("tool", "")
    status = find_tool(request.actor, tool)
    waits = for_submission(tool, schema.JobOptions.from_document(document).queue) if tool else None
    named = [value["secret"] for value in (document.get("env") or {}).values() if isinstance(value, dict)]
    known = set(Secret.objects.filter(name__in=named).values_list("name", flat=True)) if named else set()
    command = document.get("command") or {}
    argv = [str(word) for word in [command.get("exe", ""), *command.get("args", [])]]
    return {
        "ok": not draft.errors and report.ok,
        "errors": draft.errors,
        # What stands beside its field is not said twice.
        "problems": [problem for problem in problems if not _field_of(problem.pointer)],
        "place": place_of(places.working_dir) if places else None,
        "warnings": report.warnings,
        "adds": report.adds,
        "queued": status.queued if status else 0,
        "availability": status.availability if status else None,
        "waits": waits.sentence if waits else "",
        "tool": tool,
        "usual": usual().get(tool),
        "document": document,
        "unknown_secrets": [name for name in named if name not in known],
        "known_secrets": sorted(known),
        "command": " \\\n  ".join(shlex.quote(word) for word in argv if word)[:4000],
    }


def _field_of(pointer: str) -> str:
    path = pointer.lstrip("/")
    return next(
        (name for start, name in form_data.POINTERS.items() if path == start or path.startswith(start + "/")), ""
    )


def show(
    request: PageRequest,
    draft: form_data.Draft,
    *,
    dry: dict[str, Any] | None = None,
    cloned: Job | None = None,
    template: JobTemplate | None = None,
    status: int = 200,
) -> HttpResponse:
    adapter = form_data.adapter_named(draft.values.get("tool", ""))
    takers = [name for name, one in sorted(registry.adapters().items()) if any(f.name == "prompt" for f in one.fields)]
    queues = sorted({"default", *settings.ENGINE_QUEUES, *QueueControl.objects.values_list("name", flat=True)})
    recent = jobs_of(request.actor).exclude(repo_key="").order_by("-pk").values_list("repo_key", "run_id")[:200]
    return render(
        request,
        "submit/form.html",
        _fields(adapter, draft)
        | {
            "tools": [tool for tool in tool_statuses(request.actor, loads={}, with_success=False) if tool.adapter],
            "dry": dry,
            "cloned": cloned,
            "template": template,
            "takers": takers,
            "queues": queues,
            "templates": request.actor.templates()[:60],
            "priorities": Priority.values,
            "repos": list(dict.fromkeys(repo for repo, _ in recent))[:12],
            "runs": list(dict.fromkeys(run for _, run in recent))[:12],
            "roots": settings.ENGINE_ROOTS,
            "limit": labels.duration(settings.ENGINE_TIMEOUT_S),
            "usual": usual().get(adapter.name),
        },
        status=status,
    )


def _fields(adapter: Any, draft: form_data.Draft) -> dict[str, Any]:
    shown = [
        {
            "field": one,
            "name": form_data.TOOL_FIELD + one.name,
            "value": draft.values.get(form_data.TOOL_FIELD + one.name, one.default),
            "error": draft.errors.get(form_data.TOOL_FIELD + one.name, ""),
        }
        for one in adapter.fields
    ]
    return {"adapter": adapter, "fields": shown, "v": draft.values, "errors": draft.errors}
