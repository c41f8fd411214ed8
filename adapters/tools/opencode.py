"""opencode, without a terminal: `opencode run --format json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
# Its words for a call that is not allowed; a file that cannot be read is none.
DENIALS = ("rejected permission", "user rejected", "prevents you from using")
EDITS = frozenset({"edit", "write", "patch", "multiedit", "apply_patch"})


class OpencodeAdapter(AgentAdapter):
    name = "opencode"
    executables = ("opencode",)
    capabilities = ("edit", "shell", "usage", "cost", "resume")
    default_idle_s = 300.0  # it retries a failing server forever without a word: silence is the only sign
    needs = Profile(
        write=("~/.config/opencode", "~/.local/share/opencode", "~/.local/state/opencode", "~/.cache/opencode")
    )
    own_env = {
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        # Else the repository's opencode.json starts programs, and may send our key elsewhere.
        "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    }
    model_env = ("*_API_KEY", "*_AUTH_TOKEN", "*_BASE_URL")
    # Without a word it edits and runs what it likes; its agent "plan" may not edit.
    permissions = {Permissions.READ: ("--agent", "plan")}
    own_permissions = ("--agent", "--auto", "--attach", "--command")
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
        at = draft.args.index("run") + 1
        draft.args[at:at] = draft.permissions
        self.long_prompt_to_stdin(draft)

    def prompt_at(self, args: Sequence[str]) -> int | None:
        words = flags.positions(args, self.valued)
        words = words[1:] if words and args[words[0]] == "run" else words
        return words[0] if words else None

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        return {"exe": "opencode", "args": ["run"], "stdin": prompt}

    def asks(self, job: Job) -> bool:
        words = [str(word) for word in (job.get("command") or {}).get("args") or ()]
        first = flags.positions(words, self.valued)[:1]
        return super().asks(job) and not (first and words[first[0]] in OTHERS)

    def tell(self, job: Job, evidence: Evidence) -> OpencodeTold:
        told = OpencodeTold()
        for event in evidence.json_lines():
            told.read(event)
        if told.error is not None:
            told.said = Said.FAILED
        elif told.last == "stop":
            self.spoke(told, told.text, told.denied, told.failed_edits)
        elif told.began:
            told.said = Said.UNFINISHED
        else:
            self.without_events(job, evidence, told)
        told.details = {"session_id": told.session, "denials": told.denied[-5:], "text": told.text[:2000]}
        return told

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        assert isinstance(told, OpencodeTold)
        if told.error is not None:
            return self._by_error(told.error, ending, evidence)
        if ending.exit_code != 0:
            return self.failed(ending, evidence, "")
        if told.said is Said.UNFINISHED and told.denied:
            return Verdict(
                Reason.DENIED,
                f"opencode was not allowed to use {told.denied[-1]}; allow it and try again",
                "opencode:rejected",
                tuple(told.denied[-3:]),
            )
        if told.last == "length":
            return Verdict(Reason.LIMIT_HIT, "The model's answer reached its limit of length", "opencode:length")
        if told.said is Said.UNFINISHED:
            return rules.no_final_event("opencode", "a last step that says stop", evidence)
        return rules.done("opencode:stop" if told.last else "exit:0", evidence)

    def _by_error(self, error: dict[str, Any], ending: Ending, evidence: Evidence) -> Verdict:
        data = mapping(error.get("data"))
        said, status = str(data.get("message") or error.get("message") or ""), data.get("statusCode")
        if error.get("name") == "ContextOverflowError":
            sentence = rules.SENTENCES[Reason.CONTEXT_OVERFLOW]
            return Verdict(Reason.CONTEXT_OVERFLOW, sentence, "opencode:ContextOverflowError", (rules.cut(said),))
        return self.failed(
            ending, evidence, said or str(error.get("name")), status if isinstance(status, int) else None
        )


@dataclass
class OpencodeTold(Told):
    """The events so far; `last` is why the last step ended."""

    session: str | None = None
    began: bool = False
    last: str = ""
    text: str = ""
    error: dict[str, Any] | None = None
    denied: list[str] = field(default_factory=list)
    failed_edits: list[str] = field(default_factory=list)

    def read(self, event: dict[str, Any]) -> None:
        self.session, self.began = event.get("sessionID") or self.session, self.began or "sessionID" in event
        kind, part = event.get("type"), mapping(event.get("part"))
        if kind == "step_start":
            self.doing = "waiting for the model"
        elif kind == "step_finish":
            self.last = str(part.get("reason") or "")
            _add(self.usage, part)
        elif kind == "text":
            self.text = str(part.get("text") or "")
        elif kind == "error":
            self.error = mapping(event.get("error"))
        elif kind == "tool_use":
            self._call(part)

    def _call(self, part: dict[str, Any]) -> None:
        state, edits = mapping(part.get("state")), part.get("tool") in EDITS
        if state.get("status") != "error":
            if edits:
                self.failed_edits.clear()
            return
        said = str(state.get("error") or "")
        shown = rules.cut(f"{part.get('tool')}: {said}")
        if any(words in said.lower() for words in DENIALS):
            self.denied.append(shown)
        elif edits:
            self.failed_edits.append(shown)


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
