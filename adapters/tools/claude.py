"""Claude Code, without a terminal: `claude -p` with its events as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters import rules
from adapters.base import Draft, Job, JobResult
from adapters.confinement import Profile
from adapters.evidence import Evidence, mapping
from adapters.facts import Said, Told
from adapters.permissions import Permissions
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.tools.agent import AgentAdapter
from adapters.verdict import Reason, Verdict

LIMITS = {"error_max_turns": "its limit of turns", "error_max_budget_usd": "its limit of money"}
USAGE = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
TOO_LONG = "prompt_too_long"
EDITS = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
NO_WORDS = "(no content)"  # what it prints for an empty answer


class ClaudeAdapter(AgentAdapter):
    name = "claude"
    executables = ("claude",)
    capabilities = ("edit", "shell", "usage", "cost", "resume")
    default_idle_s = 900.0  # a command that it runs may take ten minutes without a word
    needs = Profile(write=("~/.claude", "~/.claude.json", "~/.config/claude"))
    own_env = {
        # Its own ten retries, also of a wrong key, take minutes in which nothing happens.
        "CLAUDE_CODE_MAX_RETRIES": "2",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    keys = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_*", "AWS_*", "CLAUDE_CONFIG_DIR")
    logins = (".claude/.credentials.json", ".claude.json", ".claude/settings.json")
    model_env = ("ANTHROPIC_*", "CLAUDE_CODE_*")
    permissions = {
        # What is disallowed stays so, whatever the settings of the user that it runs as allow.
        Permissions.READ: ("--permission-mode", "default", "--disallowedTools=Edit,MultiEdit,Write,NotebookEdit"),
        Permissions.EDIT: ("--permission-mode", "acceptEdits"),
        Permissions.FULL: ("--permission-mode", "bypassPermissions"),
    }
    own_permissions = ("--permission-mode", "--dangerously-skip-permissions", "--allow-dangerously-skip-permissions")
    valued = frozenset(
        {
            "--model",
            "--fallback-model",
            "--output-format",
            "--input-format",
            "--permission-mode",
            "--allowedTools",
            "--allowed-tools",
            "--disallowedTools",
            "--disallowed-tools",
            "--max-turns",
            "--max-budget-usd",
            "--session-id",
            "--resume",
            "-r",
            "--setting-sources",
            "--settings",
            "--mcp-config",
            "--json-schema",
            "--add-dir",
            "--agents",
            "--append-system-prompt",
            "--system-prompt",
            "--permission-prompt-tool",
            "--betas",
            "--plugin-dir",
        }
    )

    def add_to(self, draft: Draft) -> None:
        draft.add(*draft.permissions)
        if not flags.has(draft.args, "--setting-sources"):
            # Else the repository's hooks and servers run, and its `env` may send our key elsewhere.
            draft.add("--setting-sources", "user")
        if not flags.has(draft.args, "--output-format"):
            draft.add("--output-format", "stream-json")
        if flags.value(draft.args, "--output-format") == "stream-json" and not flags.has(draft.args, "--verbose"):
            draft.add("--verbose")
        if not flags.has(draft.args, "-p", "--print"):
            draft.add("-p")
        self.long_prompt_to_stdin(draft)

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "claude", "args": ["-p"], "stdin": prompt}

    def tell(self, job: Job, evidence: Evidence) -> ClaudeTold:
        told = ClaudeTold()
        for event in evidence.json_lines():
            told.read(event)
        if told.end is not None:
            self.spoke(told, told.text, told.denied, told.failed_edits)
        elif told.events:
            told.said = Said.UNFINISHED
        else:
            self.without_events(job, evidence, told)
        told.usage = _usage(told.end) if told.end else told.usage_so_far()
        told.details = {
            "session_id": told.session,
            "turns": (told.end or {}).get("num_turns"),
            "denials": told.denied,
            "text": told.text[:2000],
        }
        return told

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        assert isinstance(told, ClaudeTold)
        if told.end is None:
            if ending.exit_code == 0 and told.events:
                return rules.no_final_event("claude", "a result event", evidence)
            return self.failed(ending, evidence, "") if ending.exit_code != 0 else rules.done("exit:0", evidence)
        verdict = self._by_result(told.end, ending, evidence)
        if verdict.reason in (Reason.QUOTA, Reason.RATE_LIMITED):
            verdict = replace(verdict, reset_at=verdict.reset_at or told.reset_at)
        return verdict

    def _by_result(self, end: dict[str, Any], ending: Ending, evidence: Evidence) -> Verdict:
        # `subtype` says "success" for API errors, too: is_error is what counts.
        said = "; ".join(str(error) for error in _listed(end.get("errors"))) or str(end.get("result") or "")
        subtype, why = str(end.get("subtype") or ""), str(end.get("terminal_reason") or "")
        if subtype in LIMITS:
            return Verdict(
                Reason.LIMIT_HIT, f"claude reached {LIMITS[subtype]}", f"claude:{subtype}", (rules.cut(said),)
            )
        if why == TOO_LONG:
            return Verdict(
                Reason.CONTEXT_OVERFLOW, rules.SENTENCES[Reason.CONTEXT_OVERFLOW], f"claude:{why}", (rules.cut(said),)
            )
        if end.get("is_error"):
            status = end.get("api_error_status")
            return self.failed(ending, evidence, said, status if isinstance(status, int) else None)
        if end.get("stop_reason") == "refusal":
            return Verdict(Reason.REFUSED, "The model refused", "claude:refusal", (rules.cut(said),))
        if subtype == "error_during_execution" or ending.exit_code != 0:
            stopped = Verdict(
                Reason.CRASHED, rules.cut(f"claude was interrupted: {said or why}"), f"claude:{subtype or 'exit'}"
            )
            return rules.signalled(ending, evidence) or stopped
        return rules.done("claude:result", evidence)


@dataclass
class ClaudeTold(Told):
    """The events so far; `end` is the result event."""

    events: int = 0
    end: dict[str, Any] | None = None
    reset_at: float | None = None
    session: str | None = None
    text: str = ""
    denied: list[str] = field(default_factory=list)
    failed_edits: list[str] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)  # a call's id and its tool, until its result is there
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)  # usage by message: one message is many events

    def read(self, event: dict[str, Any]) -> None:
        self.events += 1
        self.session = str(event.get("session_id") or "") or self.session
        kind = event.get("type")
        if kind == "result":
            self.end = event
            said = str(event.get("result") or "")
            self.text = "" if said == NO_WORDS else said
            self.denied = _denied(event)
        elif kind == "rate_limit_event":
            self.reset_at = _reset_of(event) or self.reset_at
        elif kind == "assistant":
            self._answer(mapping(event.get("message")))
        elif kind == "user":
            self._results(mapping(event.get("message")))
        elif kind == "system" and event.get("subtype") == "api_retry":
            status = event.get("error_status")
            self.doing = (
                f"waiting for the model's server, which answered {status}" if status else "waiting for the network"
            )

    def usage_so_far(self) -> dict[str, Any]:
        total: dict[str, Any] = {}
        for usage in self.answers.values():
            for key in USAGE:
                if isinstance(usage.get(key), int):
                    total[key] = total.get(key, 0) + usage[key]
        return total

    def _answer(self, message: Mapping[str, Any]) -> None:
        self.answers[str(message.get("id"))] = mapping(message.get("usage"))
        for part in _parts(message):
            if part.get("type") == "text":
                self.text = str(part.get("text") or "")
                self.doing = "waiting for the model"
            elif part.get("type") == "tool_use":
                self.calls[str(part.get("id"))] = str(part.get("name"))
                self.doing = f"running {part.get('name')}"

    def _results(self, message: Mapping[str, Any]) -> None:
        for part in _parts(message):
            if part.get("type") != "tool_result":
                continue
            self.doing = "waiting for the model"
            if self.calls.pop(str(part.get("tool_use_id")), "") not in EDITS:
                continue
            if part.get("is_error"):
                self.failed_edits.append(rules.cut(_words(part.get("content"))))
            else:
                self.failed_edits.clear()


def _parts(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (mapping(part) for part in _listed(message.get("content")))


def _words(content: Any) -> str:
    """The text of a tool's result, which is a string or a list of parts."""
    return (
        " ".join(str(mapping(part).get("text") or "") for part in content)
        if isinstance(content, list)
        else str(content)
    )


def _denied(end: dict[str, Any]) -> list[str]:
    return sorted({str(mapping(one).get("tool_name") or "a tool") for one in _listed(end.get("permission_denials"))})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _usage(end: dict[str, Any]) -> dict[str, Any]:
    told = mapping(end.get("usage"))
    usage: dict[str, Any] = {key: told[key] for key in USAGE if key in told}
    if end.get("total_cost_usd") is not None:
        usage["cost_usd"] = end["total_cost_usd"]  # a list price, and cumulative over a resumed session
    return usage


def _reset_of(event: dict[str, Any]) -> float | None:
    at = {**event, **mapping(event.get("rate_limit_info"))}.get("resetsAt")
    return float(at) if isinstance(at, int | float) else None


def run_claude_job(job: Job) -> JobResult:
    return ClaudeAdapter().run_job(job)
