"""The page of one job: head, attempts and tabs."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from adapters import registry
from adapters.errors import UnknownTool
from jobs import db
from jobs.models import Dependency, Event, Job, StepAttempt
from jobs.pages.jobs.action_table import ACTIONS, PRIMARY, possible_actions
from jobs.pages.jobs.attempt_chart import draw, working_time
from jobs.pages.shared.error_pages import missing
from jobs.pages.shared.htmx import tag
from jobs.pages.shared.log_lines import LogRow, rows_of
from jobs.pages.shared.page_view import PageRequest, jobs_of, page
from jobs.pages.shared.policy_labels import in_words
from jobs.services.operations.action_rules import ActionRules
from jobs.services.reading.logs import open_log
from jobs.services.reading.one_job import told
from jobs.services.reading.redaction import shown_document
from jobs.services.reading.wait_reasons import for_jobs
from jobs.services.submission import tool_permissions
from jobs.states import ALIVE, UNSUCCESSFUL, AttemptStatus, JobStatus, Verb

TAIL_LINES = 12
PROMPT_LINES = 6  # a longer prompt is folded
TABS = ("summary", "log", "events", "json")
_STATES = {*JobStatus.values, *AttemptStatus.values, "draining", "resolved", "muted"}
UNHAPPY = (AttemptStatus.FAILED, AttemptStatus.TIMEOUT, AttemptStatus.LOST)


def find_job(request: PageRequest, job_id: str) -> Job:
    job = jobs_of(request.actor).select_related("workstream", "run").filter(job_id=job_id).first()
    if job is None:
        raise missing("job", job_id)
    return job


def attempts_of(job: Job) -> list[StepAttempt]:
    return list(job.attempts.select_related("error").order_by("number"))


def pick_attempt(request: PageRequest, attempts: Sequence[StepAttempt]) -> StepAttempt | None:
    """The attempt that the address names, else the latest."""
    wanted = request.GET.get("attempt", "")
    if not attempts:
        return None
    return next((a for a in attempts if str(a.number) == wanted), attempts[-1])


def head_of(request: PageRequest, job: Job, attempts: Sequence[StepAttempt], tab: str) -> dict[str, Any]:
    """What every tab shows above its content, and the poll sends again."""
    chain = list(dict.fromkeys([job.spec.get("tool", job.tool), *(a.step_name for a in attempts), job.tool]))
    rules = ActionRules(job, request.actor)
    actions = possible_actions(rules)
    primary, picked = PRIMARY.get(JobStatus(job.status)), pick_attempt(request, attempts)
    at = attempts.index(picked) if picked else 0
    return {
        "job": job,
        "attempts": attempts,
        "tab": tab,
        "chain": chain,
        "verbs": [action for action in actions if action.name is not Verb.REVIEW],  # the verdict has its own form
        "primary": primary if primary and ACTIONS[primary] in actions else "",
        "gantt": draw(job, attempts, db.now(), fold=request.GET.get("attempts") != "all"),
        "worked_s": working_time(attempts).total_seconds(),
        "latest": attempts[-1] if attempts else None,
        "picked": picked,
        "before": attempts[at - 1] if at else None,
        "after": attempts[at + 1] if at + 1 < len(attempts) else None,
        "event_count": job.events.count(),
        "may_submit": request.actor.may("submit"),
        "why_not_again": rules.why_not_again(),
        "may_review": ACTIONS[Verb.REVIEW] in actions,
        # A held or quarantined job waits for a person, not for a clock: nothing to poll often, but it may move.
        "live": not job.is_final,
    }


@page()
def summary(request: PageRequest, job_id: str) -> HttpResponse:
    job = find_job(request, job_id)
    attempts = attempts_of(job)
    return render(
        request, "jobs/job.html", head_of(request, job, attempts, "summary") | summary_of(request, job, attempts)
    )


def summary_of(request: PageRequest, job: Job, attempts: Sequence[StepAttempt]) -> dict[str, Any]:
    latest = attempts[-1] if attempts else None
    bad = _cards([attempt for attempt in attempts if attempt.status in UNHAPPY])
    waiting = for_jobs([job], titles_for=request.actor).get(job.pk)
    needs = Dependency.objects.filter(job=job).select_related("needs", "needs_workstream")[:20]
    wanted_by = Dependency.objects.filter(needs=job).select_related("job")[:20]
    metadata = job.metadata
    return {
        "latest": latest,
        "why": waiting.sentence.rstrip(".") if waiting else "",
        "prompt": _prompt(job),
        "tail": _tail(job, latest, explained=any(attempt.verdict.get("evidence") for attempt in bad[:1])),
        "cards": bad[:3],
        "needs": needs,
        "wanted_by": wanted_by,
        "metadata": metadata,
        "command": _command(job, latest),
        "on_failure": in_words(job.spec.get("tool", job.tool), job.options.retry_policy),
        "env": _environment(job),
        "permissions": tool_permissions.added_to(job.document(), tool_permissions.of_job(job)),
        "latest_told": told(latest.handoff) if latest else "",
    }


def _prompt(job: Job) -> dict[str, Any]:
    """What the tool was asked: the first lines and, of a longer prompt, the rest. Empty for tools that take a command."""
    try:
        text = registry.get(job.spec.get("tool", job.tool)).prompt_of(shown_document(job.spec)) or ""
    except UnknownTool:
        return {}
    lines = text.strip().splitlines()
    return {"head": "\n".join(lines[:PROMPT_LINES]), "rest": "\n".join(lines[PROMPT_LINES:]), "count": len(lines)}


def _tail(job: Job, latest: StepAttempt | None, *, explained: bool) -> list[LogRow]:
    """The end of the log: while the job runs, and after a bad end that nothing else on the page explains."""
    ended_badly = job.status in (*UNSUCCESSFUL, JobStatus.QUARANTINED) and not explained
    if latest is None or not (job.status in ALIVE or ended_badly):
        return []
    log = open_log(latest)
    return rows_of(log, log.tail(TAIL_LINES))


def _cards(bad: Sequence[StepAttempt]) -> list[StepAttempt]:
    """The latest of each kind of failure, newest first; `same` lists the earlier attempts that failed alike."""
    kinds: dict[Any, StepAttempt] = {}
    for attempt in reversed(bad):
        kind = attempt.error_id or (attempt.reason, attempt.verdict.get("summary"))
        first = kinds.setdefault(kind, attempt)
        if first is attempt:
            attempt.same = []
        else:
            first.same.append(attempt.number)
    return list(kinds.values())


def _environment(job: Job) -> list[tuple[str, str]]:
    """Names of variables, and of each its value as it may be shown, or the stored secret that it gets."""
    env = shown_document(job.spec).get("env") or {}
    return [
        (name, f"secret {value['secret']}" if isinstance(value, dict) else value) for name, value in sorted(env.items())
    ]


def _command(job: Job, latest: StepAttempt | None) -> str:
    """The command as a person would type it, an argument a line where it is long."""
    command = job.next_command or job.spec.get("command") or {}
    argv = latest.command if latest and latest.command else [command.get("exe", ""), *command.get("args", [])]
    words = [shlex.quote(str(word)) for word in argv]
    one_line = " ".join(words)
    return one_line if len(one_line) <= 36 else " \\\n  ".join(words)


def _head_tag(request: PageRequest, job_id: str) -> str:
    job = find_job(request, job_id)
    attempts = attempts_of(job)
    latest = attempts[-1] if attempts else None
    events = job.events.aggregate(last=Max("pk"))["last"]
    drawn = draw(job, attempts, db.now()).drawn
    size = latest.log_bytes if latest and request.GET.get("tab") == "summary" else 0
    request.polled = (job, attempts)
    return tag(job.version, events, drawn, size, len(attempts), latest.status if latest else "")


@page(part=True)
@ptag(_head_tag)
def head(request: PageRequest, job_id: str) -> HttpResponse:
    job, attempts = request.polled
    return render_head(request, job, attempts)


def render_head(request: PageRequest, job: Job, attempts: Sequence[StepAttempt], status: int = 200) -> HttpResponse:
    """The head for a poll or after an action; on the summary tab its content comes along."""
    tab = request.GET.get("tab") or request.POST.get("tab", "summary")
    context = head_of(request, job, attempts, tab if tab in TABS else "summary")
    if tab == "summary":
        context |= summary_of(request, job, attempts)
    return render(request, "jobs/_head_poll.html", context, status=status)


@page()
def events(request: PageRequest, job_id: str) -> HttpResponse:
    job = find_job(request, job_id)
    every = request.GET.get("kind") == "all"
    rows = job.events.order_by("-pk")
    if not every:
        rows = rows.filter(payload_json__has_key="new") | rows.filter(event_type="job.submitted")
    return render(
        request,
        "jobs/events.html",
        head_of(request, job, attempts_of(job), "events")
        | {"rows": [tell_event(event) for event in rows[:200]], "every": every},
    )


def tell_event(event: Event) -> Event:
    """The event with its state and one sentence of its payload."""
    said = event.payload_json
    state = str(said.get("new", "")) or event.event_type.partition(".")[2]
    state = "queued" if state == "submitted" else state
    event.state = state if state in _STATES else "info"
    hidden = ("job_id", "old", "new")
    subject = next(
        (said[key] for key in ("tool", "worker", "queue", "token", "secret", "message") if said.get(key)), ""
    )
    event.subject = str(subject or event.ws_id or "Engine")[:120]
    event.details = ", ".join(
        f"{key.replace('_', ' ')} {value}"
        for key, value in said.items()
        if key not in hidden and value not in ("", None, [], {}) and not isinstance(value, dict)
    )[:300]
    return event


@page()
def as_json(request: PageRequest, job_id: str) -> HttpResponse:
    job = find_job(request, job_id)
    attempts = attempts_of(job)
    part = request.GET.get("part", "job")
    document: Any = shown_document(job.spec)
    if part == "result":
        document = [attempt.result_json for attempt in attempts]
    elif part == "verdict":
        document = [
            {"attempt": a.number, "tool": a.step_name, "status": a.status, "reason": a.reason, **a.verdict}
            for a in attempts
        ]
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if request.GET.get("download"):
        answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{job.job_id}.json"'
        return answer
    return render(request, "jobs/json.html", head_of(request, job, attempts, "json") | {"text": text, "part": part})
