"""Claude Code, without a terminal: `claude -p` with its events as JSON lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters import rules
from adapters.base import Draft, Job, JobResult
from adapters.evidence import Evidence, mapping
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.tools.agent import AgentAdapter
from adapters.verdict import Reason, Verdict

LIMITS = {"error_max_turns": "its limit of turns", "error_max_budget_usd": "its limit of money"}
USAGE = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
TOO_LONG = "prompt_too_long"


class ClaudeAdapter(AgentAdapter):
    name = "claude"
    executables = ("claude",)
    capabilities = ("edit", "shell", "usage", "cost", "resume")
    default_idle_s = 900.0  # a command that it runs may take ten minutes without a word
    own_env = {
        # Its own ten retries, also of a wrong key, take minutes in which nothing happens.
        "CLAUDE_CODE_MAX_RETRIES": "2",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
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
        if self.may_write(draft.job) and not flags.has(
            draft.args, "--permission-mode", "--dangerously-skip-permissions", "--allow-dangerously-skip-permissions"
        ):
            draft.add("--permission-mode", "acceptEdits")
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

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        events, end, reset_at = 0, None, None
        for event in evidence.json_lines():
            events += 1
            if event.get("type") == "result":
                end = event
            elif event.get("type") == "rate_limit_event":
                reset_at = _reset_of(event) or reset_at
        if end is None:
            if ending.exit_code == 0 and events:
                return rules.no_final_event("claude", "a result event", evidence)
            return self.failed(ending, evidence, "") if ending.exit_code != 0 else rules.done("exit:0", evidence)
        verdict = self._by_result(end, ending, evidence)
        if verdict.reason in (Reason.QUOTA, Reason.RATE_LIMITED):
            verdict = replace(verdict, reset_at=verdict.reset_at or reset_at)
        details = {
            "session_id": end.get("session_id"),
            "turns": end.get("num_turns"),
            "denials": _denied(end),
            "text": str(end.get("result") or "")[:2000],
        }
        return replace(verdict, usage=_usage(end), details={**verdict.details, **details})

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
            return rules.signalled(ending) or stopped
        denied = _denied(end)
        if denied and not (evidence.git and evidence.git.changed):
            return Verdict(
                Reason.DENIED,
                f"claude was not allowed to use {', '.join(denied)}; allow it and try again",
                "claude:permission_denials",
                tuple(denied),
            )
        return rules.done("claude:result", evidence)


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
