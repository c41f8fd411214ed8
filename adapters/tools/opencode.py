"""opencode, without a terminal: `opencode run --format json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters import rules
from adapters.base import Draft, Job, JobResult
from adapters.evidence import Evidence, mapping
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.tools.agent import AgentAdapter
from adapters.verdict import Reason, Verdict

OTHERS = frozenset(
    {
        "serve",
        "web",
        "attach",
        "auth",
        "agent",
        "models",
        "stats",
        "export",
        "import",
        "github",
        "mcp",
        "upgrade",
        "uninstall",
        "session",
        "acp",
        "debug",
        "db",
        "plugin",
        "pr",
        "completion",
    }
)
DENIALS = ("rejected permission", "permission denied", "user rejected", "not allowed")


class OpencodeAdapter(AgentAdapter):
    name = "opencode"
    executables = ("opencode",)
    capabilities = ("edit", "shell", "usage", "cost", "resume")
    default_idle_s = 300.0  # it retries a failing server forever without a word: silence is the only sign
    own_env = {
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        # Else the repository's opencode.json starts programs, and may send our key elsewhere.
        "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    }
    valued = frozenset(
        {
            "-m",
            "--model",
            "--agent",
            "--format",
            "-s",
            "--session",
            "--dir",
            "--attach",
            "-f",
            "--file",
            "--title",
            "--port",
            "--variant",
            "--log-level",
            "--command",
            "-p",
            "--password",
        }
    )

    def add_to(self, draft: Draft) -> None:
        words = flags.positions(draft.args, self.valued)
        first = draft.args[words[0]] if words else ""
        if first in OTHERS:
            return
        if first != "run":
            draft.args.insert(0, "run")
        if not flags.has(draft.args, "--format"):
            at = draft.args.index("run") + 1
            draft.args[at:at] = ["--format", "json"]
        self.long_prompt_to_stdin(draft)

    def prompt_at(self, args: Sequence[str]) -> int | None:
        words = flags.positions(args, self.valued)
        words = words[1:] if words and args[words[0]] == "run" else words
        return words[0] if words else None

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "opencode", "args": ["run"], "stdin": prompt}

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        usage: dict[str, Any] = {}
        session, last, text, error, denied, began = None, "", "", None, [], False
        for event in evidence.json_lines():
            session, part = event.get("sessionID") or session, mapping(event.get("part"))
            kind = event.get("type")
            began = began or "sessionID" in event
            if kind == "step_finish":
                last = str(part.get("reason") or "")
                _add(usage, part)
            elif kind == "text":
                text = str(part.get("text") or "")
            elif kind == "error":
                error = mapping(event.get("error"))
            elif kind == "tool_use" and (state := mapping(part.get("state"))).get("status") == "error":
                text = str(state.get("error") or "")
                if any(word in text.lower() for word in DENIALS):
                    denied.append(rules.cut(f"{part.get('tool')}: {text}"))
        verdict = self._by_end(last, error, denied, ending, evidence, began)
        details = {"session_id": session, "denials": denied[-5:], "text": text[:2000]}
        return replace(verdict, usage=usage, details={**verdict.details, **details})

    def _by_end(
        self,
        last: str,
        error: dict[str, Any] | None,
        denied: list[str],
        ending: Ending,
        evidence: Evidence,
        began: bool,
    ) -> Verdict:
        if error is not None:
            told = mapping(error.get("data"))
            said, status = str(told.get("message") or error.get("message") or ""), told.get("statusCode")
            if error.get("name") == "ContextOverflowError":
                return Verdict(
                    Reason.CONTEXT_OVERFLOW,
                    rules.SENTENCES[Reason.CONTEXT_OVERFLOW],
                    "opencode:ContextOverflowError",
                    (rules.cut(said),),
                )
            return self.failed(
                ending, evidence, said or str(error.get("name")), status if isinstance(status, int) else None
            )
        if ending.exit_code != 0:
            return self.failed(ending, evidence, "")
        if denied and (last != "stop" or not (evidence.git and evidence.git.changed)):
            return Verdict(
                Reason.DENIED,
                f"opencode was not allowed to use {denied[-1]}; allow it and try again",
                "opencode:rejected",
                tuple(denied[-3:]),
            )
        if last == "length":
            return Verdict(Reason.LIMIT_HIT, "The model's answer reached its limit of length", "opencode:length")
        if began and last != "stop":
            return rules.no_final_event("opencode", "a last step that says stop", evidence)
        return rules.done("opencode:stop" if last else "exit:0", evidence)


def _add(usage: dict[str, Any], part: dict[str, Any]) -> None:
    """One event per step: the sum is the run's."""
    tokens = mapping(part.get("tokens"))
    cache = mapping(tokens.get("cache"))
    told = {
        "input_tokens": tokens.get("input"),
        "output_tokens": tokens.get("output"),
        "reasoning_tokens": tokens.get("reasoning"),
        "cache_read_input_tokens": cache.get("read"),
        "cache_creation_input_tokens": cache.get("write"),
        "cost_usd": part.get("cost"),
    }
    for key, value in told.items():
        if isinstance(value, int | float):
            usage[key] = usage.get(key, 0) + value


def run_opencode_job(job: Job) -> JobResult:
    return OpencodeAdapter().run_job(job)
