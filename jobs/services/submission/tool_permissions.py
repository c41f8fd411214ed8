"""What tools may do without asking: the server's word, or that of the job's project, fixed when a job is submitted."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from adapters import escalation, facts, registry
from adapters.errors import AdapterError
from adapters.permissions import Permissions, in_words
from jobs.models import Job, Project
from schema.options import JobOptions

type Rules = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Added:
    """What Engine adds to a tool's command for this; `sentence` says it to a person.

    `trouble` is why the tool cannot work on this host, where that is known.
    """

    tool: str
    permissions: str
    arguments: tuple[str, ...]
    sentence: str
    trouble: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rules() -> Rules:
    """(root, permissions) of the projects that say something, the innermost first."""
    found = Project.objects.exclude(permissions="").values_list("root", "permissions")
    return sorted(found, key=lambda rule: -len(rule[0]))


def in_project(repository: str, found: Rules) -> str:
    """What the innermost project says; empty if none does."""
    return next((word for root, word in found if f"{repository}/".startswith(root.rstrip("/") + "/")), "")


def of_repository(repository: str) -> Permissions:
    """For a job that is submitted now."""
    return Permissions(in_project(repository, rules()) or settings.ENGINE_PERMISSIONS)


def of_job(job: Job) -> Permissions:
    return Permissions(job.permissions or settings.ENGINE_PERMISSIONS)


def added_to(document: Mapping[str, Any], permissions: Permissions) -> tuple[Added, ...]:
    """For the tool of the document and those that it may be escalated to, but for tools that never ask."""
    job = dict(document)
    policy = JobOptions.from_document(job).retry_policy
    found = [_added(job, permissions, job.get("env") or {})]
    for step in escalation.steps_of(policy):
        try:
            command = escalation.command_for(step, "…", job)
        except AdapterError:
            continue  # it cannot take over; that is told where the escalation is
        env = escalation.env_for(job, step.tool, step)
        found.append(_added({**job, "tool": step.tool, "command": command}, permissions, env))
    asks = [added for added in found if added.trouble or getattr(registry.get(added.tool), "permissions", None)]
    return tuple({added.tool: added for added in asks}.values())


def _added(job: dict[str, Any], permissions: Permissions, env: Mapping[str, Any]) -> Added:
    adapter = registry.get(job["tool"])
    effective = Permissions.READ if facts.reads(job) else permissions
    arguments = adapter.permission_flags(job, permissions)
    if arguments:
        sentence = f"Engine adds {shlex.join(arguments)}: {adapter.name} {in_words(effective)}."
    elif JobOptions.from_document(job).raw_command:
        sentence = "Engine adds nothing: metadata.raw_command is set."
    else:
        sentence = f"Engine adds no permissions: {adapter.name} follows its command and its own settings."
    plain = {name: "" if isinstance(value, Mapping) else str(value) for name, value in env.items()}
    return Added(adapter.name, effective.value, arguments, sentence, adapter.set_up(plain))
