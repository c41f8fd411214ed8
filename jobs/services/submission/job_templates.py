"""Job templates: documents that new jobs start from."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError

from jobs import db
from jobs.errors import InvalidDocument, WrongState
from jobs.models import JobTemplate
from jobs.services.core import events
from jobs.services.reading import redaction
from jobs.services.submission import submit

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
ANEW = ("job_id", "run_id")  # of each job that starts from it
STAND_IN = {"job_id": "job-from-template", "run_id": "run-from-template"}


def without_values(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its ids and without values of its environment: names of secrets stay."""
    return {key: value for key, value in redaction.without_values(document).items() if key not in ANEW}


def check(document: Any) -> dict[str, Any]:
    """What a template would keep of the document. Raises InvalidDocument."""
    if not isinstance(document, dict):
        raise InvalidDocument("The document of a template is an object.")
    env = document.get("env")
    plain = [name for name, value in env.items() if not isinstance(value, dict)] if isinstance(env, dict) else []
    if plain:
        raise InvalidDocument(f"A template keeps no values of an environment; name a secret for {plain[0]} instead.")
    kept = without_values(document)
    # A template may leave its repository open: any directory that is allowed stands in for it.
    report = submit.check({**kept, **STAND_IN}, base=Path(settings.ENGINE_ROOTS[0]))
    if not report.ok:
        raise InvalidDocument(report.problems[0].message, report.problems)
    return kept


def repository_of(document: dict[str, Any]) -> str:
    """Its repository as projects name theirs; empty where the document leaves it open."""
    root = str((document.get("paths") or {}).get("repo_root") or "")
    return str(Path(root).resolve()) if root.startswith("/") else ""


def save(
    slug: str,
    document: Any,
    *,
    owner: User,
    title: str,
    description: str = "",
    shared: bool = False,
    by: str,
    replace: bool = False,
) -> JobTemplate:
    """Make it, or with `replace` write over the one of that name, whose owner stays. Raises Refused."""
    if not SLUG.fullmatch(slug):
        raise InvalidDocument("The name is of small letters, digits, - and _, at most 80 of them.")
    title = title.replace("\0", "").strip()
    if not title or len(title) > 200 or len(description) > 500:
        raise InvalidDocument("A title takes 1 to 200 characters, a description at most 500.")
    kept = check(document)
    fields = {
        "title": title,
        "description": description.replace("\0", "").strip(),
        "document": kept,
        "shared": shared,
        "repo_key": repository_of(kept),
        "updated_at": db.now(),
    }
    try:
        with db.atomic():
            template = JobTemplate.objects.select_for_update().filter(slug=slug).first() if replace else None
            if template is None:
                template = JobTemplate(slug=slug, owner=owner)
            for name, value in fields.items():
                setattr(template, name, value)
            template.save()
            events.record("template.saved", by=by, template=slug, shared=shared)
    except IntegrityError:
        raise WrongState(f"There is a template {slug} already; choose another name.") from None
    return template


def delete(template: JobTemplate, *, by: str) -> None:
    with db.atomic():
        events.record("template.deleted", by=by, template=template.slug, owner=template.owner.get_username())
        template.delete()
