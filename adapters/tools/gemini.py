"""Google's gemini, without a terminal: `gemini -p` with its events as JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters import rules
from adapters.base import Draft, Job, JobResult
from adapters.errors import BadCommand
from adapters.evidence import Evidence, mapping
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.tools.agent import LONG, AgentAdapter
from adapters.verdict import Reason, Verdict

EXITS = {
    41: (Reason.AUTH, "gemini has no way to log in; give GEMINI_API_KEY, or select an auth type in its settings"),
    42: (Reason.EXIT_CODE, "gemini did not accept its input"),
    44: (Reason.INFRA, "gemini's sandbox could not be set up"),
    52: (Reason.REFUSED, "gemini did not accept its configuration"),
    53: (Reason.LIMIT_HIT, "gemini reached its limit of turns"),
    54: (Reason.EXIT_CODE, "a tool of gemini failed"),
    55: (Reason.REFUSED, "gemini does not trust this directory; add --skip-trust"),
    130: (Reason.CRASHED, "gemini was interrupted"),
}
USAGE = {"input_tokens": "input_tokens", "output_tokens": "output_tokens", "cache_read_input_tokens": "cached"}
PROMPT_FLAGS = ("-p", "--prompt")


class GeminiAdapter(AgentAdapter):
    name = "gemini"
    executables = ("gemini",)
    capabilities = ("edit", "shell", "usage", "resume")
    default_idle_s = 600.0
    # Else it starts itself a second time; the copy is not ended with the first.
    own_env = {"GEMINI_CLI_NO_RELAUNCH": "true"}
    valued = frozenset(
        {
            "-m",
            "--model",
            "-p",
            "--prompt",
            "-i",
            "--prompt-interactive",
            "-o",
            "--output-format",
            "--approval-mode",
            "--session-id",
            "-r",
            "--resume",
            "-e",
            "--extensions",
            "--include-directories",
            "--allowed-tools",
            "--allowed-mcp-server-names",
            "--policy",
        }
    )

    def check(self, draft: Draft) -> None:
        if flags.has(draft.args, "-i", "--prompt-interactive"):
            raise BadCommand("command.args holds -i, with which gemini waits for a person; use -p")

    def add_to(self, draft: Draft) -> None:
        if not flags.has(draft.args, *PROMPT_FLAGS) and (words := flags.positions(draft.args, self.valued)):
            draft.args.insert(words[0], "-p")
        if not flags.has(draft.args, "-o", "--output-format"):
            draft.add("-o", "stream-json")
        if not flags.has(draft.args, "--skip-trust"):
            # Trust by variable would let the repository's hooks and servers run; this lets only the work begin.
            draft.add("--skip-trust")
        if self.may_write(draft.job) and not flags.has(draft.args, "--approval-mode", "-y", "--yolo"):
            # In its default mode a headless gemini is not offered any tool that edits, says so to nobody, and exits 0.
            draft.add("--approval-mode", "auto_edit")
        if "TMPDIR" not in (draft.job.get("env") or {}):
            # An error leaves the whole conversation in a file there, foreverybody to read.
            draft.env["TMPDIR"] = str(draft.attempt_dir)
        if "GEMINI_API_KEY" in draft.env:
            # It fills what is not set from the repository's .env, which could send the key elsewhere; empty is set.
            draft.env.setdefault("GOOGLE_GEMINI_BASE_URL", "")
        at = self.prompt_at(draft.args)
        if at is not None and draft.stdin is None and len(draft.args[at].encode()) > LONG:
            draft.stdin = draft.args[at].encode()
            del draft.args[at - 1 : at + 1]

    def prompt_at(self, args: Sequence[str]) -> int | None:
        for index, word in enumerate(args[:-1]):
            if word in PROMPT_FLAGS:
                return index + 1
        return super().prompt_at(args)

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "gemini", "args": [], "stdin": prompt}

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        session, end, said, text, failed_tools, began = None, None, "", "", [], False
        for event in evidence.json_lines():
            kind = event.get("type")
            if kind == "init":
                session, began = event.get("session_id"), True
            elif kind == "result":
                end = event
            elif kind == "message" and event.get("role") == "assistant":
                text = (text + str(event.get("content") or ""))[-2000:]
            elif kind == "error":
                said = str(event.get("message") or said)
            elif kind == "tool_result" and event.get("status") == "error":
                failed_tools.append(
                    rules.cut(str(mapping(event.get("error")).get("message") or event.get("output") or ""))
                )
        verdict = self._by_end(end, said, failed_tools, ending, evidence, began)
        stats = mapping((end or {}).get("stats"))
        usage = {ours: stats[theirs] for ours, theirs in USAGE.items() if theirs in stats}
        details = {"session_id": session, "tool_errors": failed_tools[-5:], "text": text[:2000]}
        return replace(verdict, usage=usage, details={**verdict.details, **details})

    def _by_end(
        self,
        end: dict[str, Any] | None,
        said: str,
        failed_tools: list[str],
        ending: Ending,
        evidence: Evidence,
        began: bool,
    ) -> Verdict:
        message = str(mapping((end or {}).get("error")).get("message") or said)
        code = ending.exit_code
        # Its exit code is the HTTP status mod 256: 173 is 429, and no signal 45.
        status = code + 256 if code is not None and 144 <= code <= 255 else None
        if code in EXITS:
            reason, sentence = EXITS[code]
            shown = rules.cut(f"{sentence[0].upper()}{sentence[1:]}" + (f": {message}" if message else ""))
            return Verdict(reason, shown, f"gemini:exit:{code}", (rules.cut(message or evidence.last_line()),))
        if status is not None:
            said = message or f"HTTP status {status}"
            verdict = rules.api_failure(said, status, f"gemini:http:{status}", ending.ended_at)
            return verdict or rules.failed_exit(ending, evidence, said)
        if code != 0:
            return self.failed(ending, evidence, message)
        if "loop detected" in said.lower():
            return Verdict(
                Reason.LIMIT_HIT, f"gemini stopped itself: {rules.cut(said)}", "gemini:loop", (rules.cut(said),)
            )
        if end is None and began:
            return rules.no_final_event("gemini", "a result event", evidence)
        if end is not None and end.get("status") == "error":
            return self.failed(ending, evidence, message)
        denied = [text for text in failed_tools if "not found" in text.lower() or "denied" in text.lower()]
        if denied and not (evidence.git and evidence.git.changed):
            return Verdict(
                Reason.DENIED,
                f"gemini was not allowed to: {denied[-1]}; set --approval-mode and try again",
                "gemini:tool_denied",
                tuple(denied[-3:]),
            )
        return rules.done("gemini:result" if end else "exit:0", evidence)


def run_gemini_job(job: Job) -> JobResult:
    return GeminiAdapter().run_job(job)
