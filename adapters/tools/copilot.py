"""GitHub Copilot's CLI, without a terminal: `copilot -p` with its events as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters import rules
from adapters.base import Draft, Job, JobResult
from adapters.confinement import Profile
from adapters.errors import BadCommand
from adapters.evidence import Evidence, mapping
from adapters.facts import Said, Told
from adapters.permissions import Permissions
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.tools.agent import AgentAdapter
from adapters.verdict import Verdict

USAGE_FILE = "copilot-usage.json"  # the only place where it tells of tokens
USAGE = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadTokens",
    "cache_creation_input_tokens": "cacheWriteTokens",
}
EDITS = frozenset({"create", "edit", "str_replace", "str_replace_editor", "insert", "apply_patch"})


class CopilotAdapter(AgentAdapter):
    name = "copilot"
    executables = ("copilot",)
    capabilities = ("edit", "shell", "usage", "resume")
    default_idle_s = 600.0
    needs = Profile(write=("~/.copilot", "~/.config/github-copilot", "~/.cache/copilot"))
    own_env = {"COPILOT_AUTO_UPDATE": "false"}
    keys = ("COPILOT_GITHUB_TOKEN", "COPILOT_*", "GH_TOKEN", "GITHUB_TOKEN")
    logins = (".copilot/config.json",)
    model_env = ("COPILOT_*",)
    # What is denied stays denied, whatever else is allowed.
    permissions = {
        Permissions.READ: ("--deny-tool=write", "--deny-tool=shell"),
        Permissions.EDIT: ("--allow-tool=write",),
        Permissions.FULL: ("--allow-all-tools",),
    }
    own_permissions = ("--allow-tool", "--deny-tool", "--allow-all-tools", "--allow-all", "--yolo")
    prompt_flags = ("-p", "--prompt")
    valued = frozenset(
        {
            "-p",
            "--prompt",
            "-i",
            "--interactive",
            "-n",
            "--name",
            "-C",
            "--model",
            "--agent",
            "--add-dir",
            "--allow-tool",
            "--deny-tool",
            "--allow-url",
            "--deny-url",
            "--available-tools",
            "--excluded-tools",
            "--output-format",
            "--log-level",
            "--log-dir",
            "--session-id",
            "--secret-env-vars",
            "--usage-output-file",
            "--max-ai-credits",
            "--additional-mcp-config",
        }
    )

    def check(self, draft: Draft) -> None:
        if flags.has(draft.args, "-i", "--interactive"):
            raise BadCommand("command.args holds -i, with which copilot waits for a person; use -p")

    def add_to(self, draft: Draft) -> None:
        if not self.asks(draft.job):
            return
        draft.add(*draft.permissions)
        for word, *value in (("--output-format", "json"), ("--no-color",), ("--no-ask-user",), ("--no-auto-update",)):
            if not flags.has(draft.args, word):
                draft.add(word, *value)
        if not flags.has(draft.args, "--usage-output-file"):
            draft.add("--usage-output-file", str(draft.report_file(USAGE_FILE)))
        self.long_prompt_to_stdin(draft)  # without -p it reads the prompt there

    def prompt_at(self, args: Sequence[str]) -> int | None:
        return self.flagged_prompt(args)

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "copilot", "args": ["-p", prompt]}

    def tell(self, job: Job, evidence: Evidence) -> CopilotTold:
        told = CopilotTold()
        for event in evidence.json_lines():
            told.read(event)
        if told.error is not None:
            told.said = Said.FAILED
        elif told.end is not None:
            self.spoke(told, told.text, told.denied, told.failed_edits)
        elif told.began:
            told.said = Said.UNFINISHED
        else:
            self.without_events(job, evidence, told)
        told.usage = _usage(evidence.file(USAGE_FILE))
        told.details = {
            "session_id": (told.end or {}).get("sessionId"),
            "denials": told.denied[-5:],
            "text": told.text[:2000],
        }
        return told

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        assert isinstance(told, CopilotTold)
        if told.error is not None or ending.exit_code != 0:
            # Ended by a signal, its last event says exitCode 0 all the same: the process is what counts.
            error = told.error or {}
            status = error.get("statusCode")
            said = str(error.get("message") or "")
            return self.failed(ending, evidence, said, status if isinstance(status, int) else None)
        if told.said is Said.UNFINISHED:
            return rules.no_final_event("copilot", "a result event", evidence)
        return rules.done("copilot:result" if told.end else "exit:0", evidence)


@dataclass
class CopilotTold(Told):
    """The events so far; `end` is the result event, `error` the last session.error that no answer followed."""

    began: bool = False
    end: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    text: str = ""
    calls: dict[str, str] = field(default_factory=dict)  # a call's id and its tool
    denied: list[str] = field(default_factory=list)
    failed_edits: list[str] = field(default_factory=list)

    def read(self, event: dict[str, Any]) -> None:
        kind, data = event.get("type"), mapping(event.get("data"))
        if kind == "result":
            self.end = event
        elif kind == "session.error":
            self.error = data
        elif kind in ("assistant.turn_start", "user.message"):
            self.began, self.doing = True, "waiting for the model"
        elif kind == "assistant.message":
            self.began, self.error = True, None
            self.text = str(data.get("content") or "") or self.text
        elif kind == "model.call_failure":
            self.doing = "waiting for the model's server"
        elif kind == "tool.execution_start":
            self.calls[str(data.get("toolCallId"))] = str(data.get("toolName"))
            self.doing = f"running {data.get('toolName')}"
        elif kind == "tool.execution_complete":
            self.doing = "waiting for the model"
            self._result(data)

    def _result(self, data: dict[str, Any]) -> None:
        tool = self.calls.pop(str(data.get("toolCallId")), "a tool")
        if data.get("success") is not False:
            if tool in EDITS:
                self.failed_edits.clear()
            return
        error = mapping(data.get("error"))
        said = rules.cut(f"{tool}: {error.get('message') or 'it failed'}")
        if error.get("code") == "denied":
            self.denied.append(said)
        elif tool in EDITS:
            self.failed_edits.append(said)


def _usage(content: bytes) -> dict[str, Any]:
    """The sum over its models."""
    try:
        told = mapping(json.loads(content or b"{}"))
    except (ValueError, RecursionError):
        return {}
    usage: dict[str, Any] = {}
    for model in mapping(told.get("modelMetrics")).values():
        figures = mapping(mapping(model).get("usage"))
        for ours, theirs in USAGE.items():
            if isinstance(figures.get(theirs), int):
                usage[ours] = usage.get(ours, 0) + figures[theirs]
    if isinstance(cost := told.get("totalPremiumRequestCost"), int | float) and cost:
        usage["premium_requests"] = cost
    return usage


def run_copilot_job(job: Job) -> JobResult:
    return CopilotAdapter().run_job(job)
