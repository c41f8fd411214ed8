"""How pages word what may be done to a job: one table for buttons, confirm pages, forms and bulk."""

from dataclasses import dataclass
from typing import Any

import schema
from jobs.access import Actor
from jobs.errors import InvalidDocument
from jobs.models import Job
from jobs.services.operations import job_actions
from jobs.services.operations.action_rules import ActionRules, Order
from jobs.states import JobStatus, Verb

_S = JobStatus


@dataclass(frozen=True)
class Action:
    name: Verb
    label: str
    glyph: str
    asks: str  # what the dialog says it does
    said: str  # what the page says afterwards
    tone: str = ""
    key: str = ""  # keyboard
    past: str = ""


ACTIONS = {
    action.name: action
    for action in (
        Action(
            Verb.CANCEL,
            "Cancel job",
            "stop",
            "Stops the tool and everything it started, then records the job as cancelled. The log so far is kept.",
            "{job} is being cancelled.",
            tone="bad",
            past="cancelled",
        ),
        Action(
            Verb.RETRY,
            "Retry",
            "retrying",
            "Starts a new attempt of the same command with a fresh budget. Earlier attempts and their logs are kept.",
            "{job} was sent back to the queue.",
            key="R",
            past="sent back to the queue",
        ),
        Action(
            Verb.ESCALATE,
            "Escalate",
            "up",
            "Starts a new attempt with another tool, which is told what was asked and how the last attempt ended.",
            "{job} was handed to another tool.",
            key="E",
            past="handed to another tool",
        ),
        Action(
            Verb.RELEASE,
            "Release",
            "play",
            "Lets the job start again. It counts with a fresh budget.",
            "{job} was released.",
            past="released",
        ),
        Action(
            Verb.CLOSE,
            "Close as failed",
            "failed",
            "Records the job as failed. Jobs that wait for it are blocked or held, as they asked.",
            "{job} was closed as failed.",
            tone="bad",
            past="closed",
        ),
        Action(
            Verb.HOLD,
            "Hold",
            "pause",
            "Keeps the job from starting until somebody releases it.",
            "{job} is held.",
            past="held",
        ),
        Action(
            Verb.REVIEW,
            "Review",
            "review",
            "Ends the wait for a person.",
            "{job} has its verdict.",
            past="reviewed",
        ),
    )
}
BULK = (Verb.RETRY, Verb.ESCALATE, Verb.RELEASE, Verb.CANCEL)
# The page's primary button in a state, if it may be pressed.
PRIMARY = {
    _S.FAILED: Verb.RETRY,
    _S.TIMEOUT: Verb.RETRY,
    _S.QUARANTINED: Verb.RELEASE,
    _S.BLOCKED: Verb.RETRY,
    _S.CANCELLED: Verb.RETRY,
    _S.REJECTED: Verb.RETRY,
}


def possible_actions(rules: ActionRules) -> list[Action]:
    """What would pass now, in the order of the buttons."""
    possible = rules.possible()
    return [action for name, action in ACTIONS.items() if name in possible]


def action_named(word: str) -> Action | None:
    return ACTIONS[Verb(word)] if word in Verb else None


def _edited(job: Job, text: str) -> dict[str, Any] | None:
    """The command from the form, if it was changed. Raises InvalidDocument with what the schema says of it."""
    if not text.strip():
        return None
    command, problems = schema.parse(text)
    if not problems and command == (job.next_command or job.spec.get("command")):
        return None
    problems = problems or schema.check({**job.spec, "command": command}).problems
    if problems:
        raise InvalidDocument(f"The command was not taken: {problems[0].message}", problems)
    return dict(command)


def perform(action: Action, job: Job, actor: Actor, fields: Any) -> Job:
    """Do it with what the form brought. Raises what the service refuses."""
    order = Order(
        command=_edited(job, fields.get("command", "")) if action.name is Verb.RETRY else None,
        tool=fields.get("tool", ""),
        verdict=fields.get("verdict", ""),
        message=fields.get("message", ""),
    )
    return job_actions.act(action.name, job, by=actor, order=order)
