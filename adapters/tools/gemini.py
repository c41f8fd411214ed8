"""Google's gemini, without a terminal: `gemini -p` with its events as JSON lines."""

from __future__ import annotations

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
EDITS = frozenset({"replace", "edit", "write_file", "write-file"})
# Its words for a tool that it does not offer in this mode, or that a policy forbids.
DENIALS = ("not found in registry", "denied by policy", "not registered", "requires user confirmation")


class GeminiAdapter(AgentAdapter):
    name = "gemini"
    executables = ("gemini",)
    capabilities = ("edit", "shell", "usage", "resume")
    default_idle_s = 600.0
    prompt_flags = ("-p", "--prompt")
    needs = Profile(write=("~/.gemini",))
    # Else it starts itself a second time; the copy is not ended with the first.
    own_env = {"GEMINI_CLI_NO_RELAUNCH": "true"}
    keys = ("GEMINI_*", "GOOGLE_*")
    logins = (".gemini/settings.json", ".gemini/oauth_creds.json", ".gemini/.env", ".env")
    model_env = ("GEMINI_*", "GOOGLE_*")
    # In its default mode a headless gemini is not offered any tool that edits, says so to nobody, and exits 0.
    permissions = {
        Permissions.READ: ("--approval-mode", "default"),
        Permissions.EDIT: ("--approval-mode", "auto_edit"),
        Permissions.FULL: ("--approval-mode", "yolo"),
    }
    own_permissions = ("--approval-mode", "-y", "--yolo")
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
        if not flags.has(draft.args, *self.prompt_flags) and (words := flags.positions(draft.args, self.valued)):
            draft.args.insert(words[0], "-p")
        if not flags.has(draft.args, "-o", "--output-format"):
            draft.add("-o", "stream-json")
        if not flags.has(draft.args, "--skip-trust"):
            # Trust by variable would let the repository's hooks and servers run; this lets only the work begin.
            draft.add("--skip-trust")
        draft.add(*draft.permissions)
        if "GEMINI_API_KEY" in draft.env:
            # It fills what is not set from the repository's .env, which could send the key elsewhere; empty is set.
            draft.env.setdefault("GOOGLE_GEMINI_BASE_URL", "")
        self.long_prompt_to_stdin(draft)

    def prompt_at(self, args: Sequence[str]) -> int | None:
        flagged = self.flagged_prompt(args)
        return super().prompt_at(args) if flagged is None else flagged

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "gemini", "args": [], "stdin": prompt}

    def tell(self, job: Job, evidence: Evidence) -> GeminiTold:
        told = GeminiTold()
        for event in evidence.json_lines():
            told.read(event)
        if told.end is not None and told.end.get("status") == "error":
            told.said = Said.FAILED
        elif told.end is not None:
            self.spoke(told, told.text, told.denied, told.failed_edits)
        elif told.began:
            told.said = Said.UNFINISHED
        else:
            self.without_events(job, evidence, told)
        stats = mapping((told.end or {}).get("stats"))
        told.usage = {ours: stats[theirs] for ours, theirs in USAGE.items() if theirs in stats}
        told.details = {
            "session_id": told.session,
            "tool_errors": told.failed_tools[-5:],
            "denials": told.denied[-5:],
            "text": told.text[:2000],
        }
        return told

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        assert isinstance(told, GeminiTold)
        message = str(mapping((told.end or {}).get("error")).get("message") or told.error)
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
        if "loop detected" in told.error.lower():
            said = rules.cut(told.error)
            return Verdict(Reason.LIMIT_HIT, f"gemini stopped itself: {said}", "gemini:loop", (said,))
        if told.said is Said.UNFINISHED:
            return rules.no_final_event("gemini", "a result event", evidence)
        if told.said is Said.FAILED:
            return self.failed(ending, evidence, message)
        return rules.done("gemini:result" if told.end else "exit:0", evidence)


@dataclass
class GeminiTold(Told):
    """The events so far; `end` is the result event."""

    session: str | None = None
    began: bool = False
    end: dict[str, Any] | None = None
    error: str = ""
    text: str = ""
    calls: dict[str, str] = field(default_factory=dict)  # a call's id and its tool
    failed_tools: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    failed_edits: list[str] = field(default_factory=list)

    def read(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "init":
            self.session, self.began, self.doing = event.get("session_id"), True, "waiting for the model"
        elif kind == "result":
            self.end = event
        elif kind == "message" and event.get("role") == "assistant":
            self.text = (self.text + str(event.get("content") or ""))[-2000:]
        elif kind == "error":
            self.error = str(event.get("message") or self.error)
            self.doing = rules.waiting_for(self.error)
        elif kind == "tool_use":
            self.calls[str(event.get("tool_id"))] = str(event.get("tool_name"))
            self.doing = f"running {event.get('tool_name')}"
        elif kind == "tool_result":
            self.doing = "waiting for the model"
            self._result(event)

    def _result(self, event: dict[str, Any]) -> None:
        edits = self.calls.get(str(event.get("tool_id"))) in EDITS
        if event.get("status") != "error":
            if edits:
                self.failed_edits.clear()
            return
        error = mapping(event.get("error"))
        said = rules.cut(str(error.get("message") or event.get("output") or ""))
        self.failed_tools.append(said)
        if error.get("type") == "tool_not_registered" or any(words in said.lower() for words in DENIALS):
            self.denied.append(said)
        elif edits:
            self.failed_edits.append(said)


def run_gemini_job(job: Job) -> JobResult:
    return GeminiAdapter().run_job(job)
