"""Error groups: ids, numbers, paths and times are taken out of errors before they are compared."""

import hashlib
import re

from django.db.models import F

from adapters.verdict import Verdict
from jobs import db
from jobs.models import ErrorGroup, Job, StepAttempt
from jobs.services.core import events
from jobs.states import ErrorState

# Order matters: the longer and more special forms first.
_NOISE = (
    (re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]"), ""),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.I), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d([.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.I), "<url>"),
    (re.compile(r"(?<![\w/])(?:~|\.{1,2}|[A-Za-z]:)?[\\/][^\s:'\"()\[\],;]+"), "<path>"),
    (re.compile(r"\b[\w.-]+/[\w./-]+\.\w+"), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.I), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b", re.I), "<hash>"),
    (re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:ms|s|m|h|%|[kKMG]i?B|B)?(?![\w])"), "<n>"),
    (re.compile(r"\b(?=[\w-]*[A-Za-z])[\w-]*\d[\w-]*\d[\w-]*\b"), "<id>"),
    (re.compile(r"\s+"), " "),
)


def normalise(message: str) -> str:
    """The message without paths, numbers, ids, times and hashes."""
    text = message[:2000]
    for pattern, mark in _NOISE:
        text = pattern.sub(mark, text)
    return text.strip()[:500]


def signature(tool: str, category: str, message: str) -> str:
    """32 hex digits; equal for equal tool, category and normalised message."""
    return hashlib.sha256(f"{tool}\n{category}\n{normalise(message)}".encode()).hexdigest()[:32]


def note(attempt: StepAttempt, verdict: Verdict, job: Job) -> ErrorGroup:
    """Count an occurrence in its error group, and reopen the group if it was resolved."""
    message = verdict.details.get("error") or (verdict.evidence[-1] if verdict.evidence else verdict.summary)
    message = str(message) or verdict.summary
    at, category = db.now(), verdict.reason.value
    kind, _ = ErrorGroup.objects.get_or_create(
        signature=signature(attempt.step_name, category, message),
        defaults={
            "tool": attempt.step_name,
            "category": category,
            "message": message[:500],
            "pattern": normalise(message),
            "first_seen_at": at,
            "last_seen_at": at,
        },
    )
    rows = ErrorGroup.objects.filter(pk=kind.pk)
    rows.update(count=F("count") + 1, last_seen_at=at, run_id=job.run_id, ws_id=job.workstream.ws_id)
    if rows.filter(state=ErrorState.RESOLVED).update(state=ErrorState.OPEN, regressed_at=at):
        events.record("error.regressed", job=job, signature=kind.signature)
    over = rows.filter(state=ErrorState.MUTED).filter(muted_until_count__isnull=False, count__gt=F("muted_until_count"))
    over.update(state=ErrorState.OPEN, muted_until_count=None)
    kind.refresh_from_db()
    return kind
