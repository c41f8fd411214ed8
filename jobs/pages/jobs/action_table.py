"""What a person may do to a job from a page: one table for buttons, confirm pages, forms and bulk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import schema
from jobs.access import Actor
from jobs.errors import InvalidDocument
from jobs.models import Job
from jobs.services.operations import job_actions
from jobs.states import JobStatus

_S = JobStatus


@dataclass(frozen=True)
class Verb:
    name: str
    label: str
    glyph: str
    states: tuple[str, ...]
    call: Callable[..., Job]
    asks: str  # what the dialog says it does
    said: str  # what the page says afterwards
    tone: str = ""
    key: str = ""  # keyboard
    past: str = ""


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "cancel",
            "Cancel job",
            "stop",
            job_actions.CANCELLABLE,
            job_actions.cancel,
            "Stops the tool and everything it started, then records the job as cancelled. The log so far is kept.",
            "{job} is being cancelled.",
            tone="bad",
            past="cancelled",
        ),
        Verb(
            "retry",
            "Retry",
            "retrying",
            job_actions.RETRYABLE,
            job_actions.retry,
            "Starts a new attempt of the same command with a fresh budget. Earlier attempts and their logs are kept.",
            "{job} was sent back to the queue.",
            key="R",
            past="sent back to the queue",
        ),
        Verb(
            "escalate",
            "Escalate",
            "up",
            job_actions.RETRYABLE,
            job_actions.escalate,
            "Starts a new attempt with another tool, which is told what was asked and how the last attempt ended.",
            "{job} was handed to another tool.",
            key="E",
            past="handed to another tool",
        ),
        Verb(
            "release",
            "Release",
            "play",
            (_S.QUARANTINED, _S.WAITING),
            job_actions.release,
            "Lets the job start again. It counts with a fresh budget.",
            "{job} was released.",
            past="released",
        ),
        Verb(
            "close",
            "Close as failed",
            "failed",
            (_S.QUARANTINED,),
            job_actions.close,
            "Records the job as failed. Jobs that wait for it are blocked or held, as they asked.",
            "{job} was closed as failed.",
            tone="bad",
            past="closed",
        ),
        Verb(
            "hold",
            "Hold",
            "pause",
            (_S.QUEUED, _S.WAITING),
            job_actions.hold,
            "Keeps the job from starting until somebody releases it.",
            "{job} is held.",
            past="held",
        ),
        Verb(
            "review",
            "Review",
            "review",
            (_S.REVIEW,),
            job_actions.review,
            "Ends the wait for a person.",
            "{job} has its verdict.",
            past="reviewed",
        ),
    )
}
BULK = ("retry", "escalate", "release", "cancel")
# The first of these that a state allows is the page's primary button.
PRIMARY = {
    _S.FAILED: "retry",
    _S.TIMEOUT: "retry",
    _S.QUARANTINED: "release",
    _S.BLOCKED: "retry",
    _S.CANCELLED: "retry",
    _S.REJECTED: "retry",
}


def allowed(job: Job, actor: Actor) -> list[Verb]:
    """What the state allows and the person may do."""
    return [
        verb
        for verb in VERBS.values()
        if job.status in verb.states and _fits(verb, job) and actor.may_do(verb.name, job)
    ]


def _fits(verb: Verb, job: Job) -> bool:
    if job.status == JobStatus.WAITING:  # release and hold are each other's opposite
        return verb.name == "cancel" or verb.name == ("release" if job.on_hold else "hold")
    return verb.name != "review"  # the verdict has a form of its own


def _edited(job: Job, text: str) -> dict[str, Any]:
    """The command from the form, if it was changed. Raises InvalidDocument with what the schema says of it."""
    if not text.strip():
        return {}
    command, problems = schema.parse(text)
    if not problems and command != (job.next_command or job.spec.get("command")):
        problems = schema.check({**job.spec, "command": command}).problems
        if not problems:
            return {"command": command}
    if problems:
        raise InvalidDocument(f"The command was not taken: {problems[0].message}", problems)
    return {}


def perform(verb: Verb, job: Job, actor: Actor, fields: Any) -> Job:
    """Call the service with what the form brought. Raises what the service refuses, and NotAllowed."""
    actor.require_to(verb.name, job)
    extra: dict[str, Any] = {}
    if verb.name == "retry":
        extra |= _edited(job, fields.get("command", ""))
    if verb.name == "escalate":
        extra["tool"] = fields.get("tool", "")
        if not extra["tool"]:
            raise InvalidDocument("Choose the tool to try next.")
    if verb.name == "review":
        extra |= {"verdict": fields.get("verdict", ""), "message": fields.get("message", "")}
    return verb.call(job, by=actor.name, **extra)
