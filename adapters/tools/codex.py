"""OpenAI's codex, without a terminal: `codex exec --json`."""

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

EXEC = ("exec", "e")
OTHERS = frozenset(
    {
        "login",
        "logout",
        "mcp",
        "mcp-server",
        "app-server",
        "completion",
        "sandbox",
        "debug",
        "apply",
        "a",
        "cloud",
        "features",
        "help",
        "review",
        "resume",
        "fork",
    }
)
USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cached_input_tokens",
    "cache_creation_input_tokens": "cache_write_input_tokens",
    "reasoning_tokens": "reasoning_output_tokens",
}
UNTRUSTED = "Not inside a trusted directory"


class CodexAdapter(AgentAdapter):
    name = "codex"
    executables = ("codex",)
    capabilities = ("edit", "shell", "usage", "resume")
    default_idle_s = 600.0  # it waits without end for a network that is away
    valued = frozenset(
        {
            "-m",
            "--model",
            "-c",
            "--config",
            "-s",
            "--sandbox",
            "-C",
            "--cd",
            "-p",
            "--profile",
            "-i",
            "--image",
            "-o",
            "--output-last-message",
            "--output-schema",
            "--add-dir",
            "--color",
            "--enable",
            "--disable",
            "-a",
            "--ask-for-approval",
            "--local-provider",
        }
    )

    def add_to(self, draft: Draft) -> None:
        words = flags.positions(draft.args, self.valued)
        first = draft.args[words[0]] if words else ""
        if first in OTHERS:
            return
        if first not in EXEC:
            draft.args.insert(0, "exec")
        own = [] if flags.has(draft.args, "--json", "--experimental-json") else ["--json"]
        if not flags.has(draft.args, "--skip-git-repo-check"):
            own.append("--skip-git-repo-check")
        # Its default sandbox is read-only: a write then leaves no trace at all, and the exit code is 0.
        if self.may_write(draft.job) and not flags.has(
            draft.args, "-s", "--sandbox", "--full-auto", "--dangerously-bypass-approvals-and-sandbox", "--yolo"
        ):
            own += ["--sandbox", "workspace-write"]
        at = next(index for index, word in enumerate(draft.args) if word in EXEC) + 1
        draft.args[at:at] = own
        self.long_prompt_to_stdin(draft, ["-"])

    def prompt_at(self, args: Sequence[str]) -> int | None:
        words = flags.positions(args, self.valued)
        if words and args[words[0]] in EXEC:
            words = words[1:]
        if words and args[words[0]] == "resume":
            words = words[1:] if flags.has(args, "--last") else words[2:]
        return words[0] if words else None

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "codex", "args": ["exec", "-"], "stdin": prompt}

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        usage: dict[str, Any] = {}
        thread, end, said, text, declined = None, "", "", "", []
        for event in evidence.json_lines():
            kind, item = event.get("type"), mapping(event.get("item"))
            if kind == "thread.started":
                thread = event.get("thread_id")
            elif kind == "turn.completed":
                end, usage = kind, _usage(mapping(event.get("usage")))
            elif kind == "turn.failed":
                end, said = kind, str(mapping(event.get("error")).get("message") or "")
            elif kind == "error":
                said = str(event.get("message") or "") or said  # "Reconnecting... 1/5" is not the end
            elif kind == "item.completed" and item.get("type") == "agent_message":
                text = str(item.get("text") or "")
            elif kind == "item.completed" and item.get("status") == "declined":
                declined.append(rules.cut(str(item.get("command") or item.get("type"))))
        verdict = self._by_end(end, said, declined, ending, evidence, thread is not None)
        details = {"session_id": thread, "denials": declined, "text": text[:2000]}
        if "resume" in ((job.get("command") or {}).get("args") or ()):
            details["usage_is_cumulative"] = True
        return replace(verdict, usage=usage, details={**verdict.details, **details})

    def _by_end(
        self, end: str, said: str, declined: list[str], ending: Ending, evidence: Evidence, began: bool
    ) -> Verdict:
        if end == "turn.failed" or ending.exit_code != 0:
            tail = evidence.tail()
            if not said and UNTRUSTED in tail:
                return Verdict(
                    Reason.REFUSED, "codex does not trust this directory; add --skip-git-repo-check", "codex:untrusted"
                )
            verdict = self.failed(ending, evidence, said)
            if verdict.reason is Reason.AUTH:
                return replace(verdict, summary=f"{verdict.summary} (codex reads CODEX_API_KEY, not OPENAI_API_KEY)")
            return verdict
        if not end and began:
            return rules.no_final_event("codex", "turn.completed", evidence)
        if declined and not (evidence.git and evidence.git.changed):
            return Verdict(
                Reason.DENIED,
                f"codex was not allowed to run {declined[-1]!r}; allow it and try again",
                "codex:declined",
                tuple(declined[-3:]),
            )
        return rules.done("codex:turn.completed" if end else "exit:0", evidence)


def _usage(told: dict[str, Any]) -> dict[str, Any]:
    """No cost is told; the numbers are the thread's so far."""
    return {ours: told[theirs] for ours, theirs in USAGE.items() if theirs in told}


def run_codex_job(job: Job) -> JobResult:
    return CodexAdapter().run_job(job)
