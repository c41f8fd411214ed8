"""The submit form: what a browser sends becomes a job document, and a document becomes what the form shows."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import slugify

from adapters import registry
from adapters.interface import Adapter
from jobs import db
from jobs.models import Job
from jobs.services.outcome.retry_policy import Policy
from schema.options import DEFAULTS, JobOptions

TOOL_FIELD = "f_"  # prefix of the fields that the adapter describes
NOBODY = ""
POINTERS = {
    "paths/repo_root": "repo_root",
    "paths/working_dir": "working_dir",
    "metadata/timeout_seconds": "timeout",
    "metadata/files_scope": "scope",
    "run_id": "run_id",
    "workstream_id": "ws_id",
    "job_id": "job_id",
    "metadata/priority": "priority",
    "metadata/queue": "queue",
    "command": "command",
    "tool": "tool",
    "metadata/title": "title",
    "metadata/retry_policy": "tries",
    "env": "env",
}


# A form knows no keys of a document.
WORDS = {"paths.repo_root": "The repository", "paths.working_dir": "The working directory"}


@dataclass
class Draft:
    """The values as typed, the document they make, and what is wrong with which field."""

    values: dict[str, str]
    document: dict[str, Any] | None = None
    errors: dict[str, str] = field(default_factory=dict)


def in_words_of_the_form(sentence: str) -> str:
    for key, words in WORDS.items():
        sentence = sentence.replace(key, words)
    return sentence


def adapter_named(name: str) -> Adapter:
    known = registry.adapters()
    return known.get(name) or known[min(known, key=lambda n: (n != "aider", n))]


def read(post: Mapping[str, str]) -> Draft:
    draft = Draft({key: value.replace("\r\n", "\n") for key, value in post.items()})
    values, adapter = draft.values, adapter_named(post.get("tool", ""))
    command = _command(draft, adapter)
    metadata: dict[str, Any] = {
        "title": values.get("title", "").strip(),
        "queue": values.get("queue", ""),
        "files_scope": _lines(values, "scope"),
        "timeout_seconds": _number(draft, "timeout"),
        "retry_policy": _policy(draft),
        "review": bool(values.get("review")),
        "raw_command": bool(values.get("raw")),
        "priority": values.get("priority") or DEFAULTS.priority,
    }
    paths = {"repo_root": values.get("repo_root", "").strip(), "working_dir": values.get("working_dir", "").strip()}
    today = f"{db.now():%Y%m%d}"
    draft.document = {
        "job_id": values.get("job_id", "").strip() or f"job-{today}-{secrets.token_hex(3)}",
        "run_id": values.get("run_id", "").strip() or f"run-{today}",
        "workstream_id": values.get("ws_id", "").strip() or f"ws-{slugify(metadata['title'])[:40] or adapter.name}",
        "tool": adapter.name,
        "command": command,
        "env": _secrets(draft),
        "paths": {key: value for key, value in paths.items() if value},
        "metadata": {key: value for key, value in metadata.items() if value not in ("", None, [], False)},
    }
    if not draft.document["env"]:
        del draft.document["env"]
    return draft


def _command(draft: Draft, adapter: Adapter) -> dict[str, Any]:
    exact = draft.values.get("command", "").strip()
    if exact:
        try:
            found = json.loads(exact)
            if isinstance(found, dict):
                return found
            draft.errors["command"] = 'Write an object: {"exe": "…", "args": ["…"]}.'
        except ValueError as fault:
            draft.errors["command"] = f"Invalid JSON: {fault}."
        return {}
    given = {one.name: draft.values.get(TOOL_FIELD + one.name, "").strip() for one in adapter.fields}
    for one in adapter.fields:
        if one.required and not given[one.name]:
            draft.errors[TOOL_FIELD + one.name] = f"{one.label} is empty."
    if draft.errors:
        return {}
    try:
        return adapter.form_to_command(given)
    except ValueError as fault:
        draft.errors[TOOL_FIELD + adapter.fields[0].name] = f"This cannot be read as a command: {fault}."
        return {}


def _policy(draft: Draft) -> Any:
    tries, escalation_chain = _number(draft, "tries") or 1, [draft.values.get("esc1", ""), draft.values.get("esc2", "")]
    escalation_chain = list(dict.fromkeys(tool for tool in escalation_chain if tool))
    if tries <= 1 and not escalation_chain:
        return None
    rules = [{"on": ["any"], "times": tries - 1, "backoff": "exponential", "base_seconds": 30}] if tries > 1 else []
    return {"rules": rules, **({"escalate_to": escalation_chain} if escalation_chain else {})}


def _number(draft: Draft, name: str) -> int | None:
    text = draft.values.get(name, "").strip()
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 10_000_000:
        draft.errors[name] = "Write a whole number above 0."
        return None
    return int(text)


def _lines(values: Mapping[str, str], name: str) -> list[str]:
    return [line.strip() for line in values.get(name, "").splitlines() if line.strip()]


def _secrets(draft: Draft) -> dict[str, Any]:
    """`NAME` or `NAME=SECRET` a line: values never pass through this form."""
    env: dict[str, Any] = {}
    for line in _lines(draft.values, "env"):
        name, _, secret = line.partition("=")
        env[name.strip()] = {"secret": (secret or name).strip()}
    return env


def blank(tool: str, user: str) -> dict[str, str]:
    adapter = adapter_named(tool)
    values = {TOOL_FIELD + one.name: one.default for one in adapter.fields}
    return {"tool": adapter.name, "tries": "1", "priority": DEFAULTS.priority, "queue": DEFAULTS.queue, **values}


def _made_by_form(adapter: Adapter, prompt: str, spec: dict[str, Any]) -> bool:
    """Whether the prompt alone says all that the command says."""
    return adapter.form_to_command({"prompt": prompt}) == spec.get("command")


def of_job(job: Job) -> dict[str, str]:
    return of_document(job.spec) | {"title": job.title, "queue": job.queue, "priority": job.priority}


def of_document(spec: dict[str, Any]) -> dict[str, str]:
    """A document as the form shows it; the command stays exact, its prompt too where the adapter finds it."""
    options, paths = JobOptions.from_document(spec, JobOptions(timeout_seconds=0)), spec.get("paths") or {}
    adapter = adapter_named(spec.get("tool", ""))
    prompt = adapter.prompt_of(spec)
    policy = Policy.parse(options.retry_policy)
    escalation_chain, env = [step.tool for step in policy.escalation_chain], spec.get("env") or {}
    return {
        "tool": adapter.name,
        "title": options.title or "",
        "repo_root": paths.get("repo_root", ""),
        "working_dir": paths.get("working_dir", ""),
        "scope": "\n".join(options.files_scope),
        "timeout": str(options.timeout_seconds or ""),
        "tries": str(policy.tries),
        "esc1": [*escalation_chain, ""][0],
        "esc2": [*escalation_chain, "", ""][1],
        "review": "1" if options.review else "",
        "raw": "1" if options.raw_command else "",
        "run_id": spec.get("run_id", ""),
        "ws_id": spec.get("workstream_id", ""),
        "queue": options.queue,
        "priority": options.priority,
        "env": "\n".join(f"{name}={value['secret']}" for name, value in env.items() if isinstance(value, dict)),
        "command": ""
        if prompt and _made_by_form(adapter, prompt, spec)
        else json.dumps(spec.get("command") or {}, indent=1, ensure_ascii=False),
        **({TOOL_FIELD + "prompt": prompt} if prompt else {}),
    }
