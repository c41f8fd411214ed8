"""OpenAI's codex, without a terminal: `codex exec --json`."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
# It tells of these on stderr alone.
REJECTED = re.compile(r"patch rejected: .*|rejected by user approval.*|blocked by read-only sandbox.*")
NOT_APPLIED = re.compile(r"apply_patch verification failed: .*")


class CodexAdapter(AgentAdapter):
    name = "codex"
    needs = Profile(write=("~/.codex",))
    executables = ("codex",)
    capabilities = ("edit", "shell", "usage", "resume")
    default_idle_s = 600.0  # it waits without end for a network that is away
    keys = ("CODEX_*", "OPENAI_*")
    logins = (".codex/auth.json", ".codex/config.toml")
    model_env = ("CODEX_*", "OPENAI_*")
    # Its own default is read-only: a write then leaves no trace at all, and the exit code is 0.
    permissions = {
        Permissions.READ: ("--sandbox", "read-only"),
        Permissions.EDIT: ("--sandbox", "workspace-write"),
        Permissions.FULL: ("--sandbox", "danger-full-access"),
    }
    own_permissions = ("-s", "--sandbox", "--full-auto", "--dangerously-bypass-approvals-and-sandbox", "--yolo")
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
        own += draft.permissions
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

    def asks(self, job: Job) -> bool:
        words = [str(word) for word in (job.get("command") or {}).get("args") or ()]
        first = flags.positions(words, self.valued)[:1]
        return super().asks(job) and not (first and words[first[0]] in OTHERS)

    def tell(self, job: Job, evidence: Evidence) -> CodexTold:
        told = CodexTold()
        for event in evidence.json_lines():
            told.read(event)
        notes = evidence.notes()
        told.denied += [rules.cut(found[0]) for line in notes if (found := REJECTED.search(line))]
        if not told.edited_since:
            told.failed_edits += [rules.cut(found[0]) for line in notes if (found := NOT_APPLIED.search(line))]
        if told.end == "turn.failed":
            told.said = Said.FAILED
        elif told.end:
            self.spoke(told, told.text, told.denied, told.failed_edits)
        elif told.thread is not None:
            told.said = Said.UNFINISHED
        else:
            self.without_events(job, evidence, told)
        told.details = {"session_id": told.thread, "denials": told.denied[-5:], "text": told.text[:2000]}
        if "resume" in ((job.get("command") or {}).get("args") or ()):
            told.details["usage_is_cumulative"] = True
        return told

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        assert isinstance(told, CodexTold)
        if told.end == "turn.failed" or ending.exit_code != 0:
            if not told.error and any(UNTRUSTED in line for line in evidence.notes()):
                return Verdict(
                    Reason.REFUSED, "codex does not trust this directory; add --skip-git-repo-check", "codex:untrusted"
                )
            verdict = self.failed(ending, evidence, told.error)
            if verdict.reason is Reason.AUTH and _wants_its_own_key(job):
                return replace(verdict, summary=f"{verdict.summary} (codex reads CODEX_API_KEY, not OPENAI_API_KEY)")
            return verdict
        if told.said is Said.UNFINISHED:
            return rules.no_final_event("codex", "turn.completed", evidence)
        return rules.done("codex:turn.completed" if told.end else "exit:0", evidence)


def _wants_its_own_key(job: Job) -> bool:
    """Whether the name of the key may be the trouble: not with another provider, whose key has a name of its own."""
    args = (job.get("command") or {}).get("args") or ()
    return "CODEX_API_KEY" not in (job.get("env") or {}) and not any("model_provider" in str(word) for word in args)


@dataclass
class CodexTold(Told):
    """The events so far; `end` names the one that ended the turn."""

    thread: str | None = None
    end: str = ""
    error: str = ""
    text: str = ""
    edited_since: bool = False  # a change of files succeeded after the last that failed
    denied: list[str] = field(default_factory=list)
    failed_edits: list[str] = field(default_factory=list)

    def read(self, event: dict[str, Any]) -> None:
        kind, item = event.get("type"), mapping(event.get("item"))
        if kind == "thread.started":
            self.thread = event.get("thread_id")
        elif kind == "turn.started":
            self.end, self.doing = "", "waiting for the model"
        elif kind == "turn.completed":
            self.end, self.usage = str(kind), _usage(mapping(event.get("usage")))
        elif kind == "turn.failed":
            self.end, self.error = str(kind), str(mapping(event.get("error")).get("message") or "")
        elif kind == "error":
            self.error = str(event.get("message") or "") or self.error  # "Reconnecting... 1/5" is not the end
            self.doing = rules.waiting_for(self.error)
        elif kind == "item.started":
            self.doing = f"running {rules.cut(str(item.get('command') or item.get('type')), 80)}"
        elif kind == "item.completed":
            self.doing = "waiting for the model"
            self._item(item)

    def _item(self, item: dict[str, Any]) -> None:
        kind, status = item.get("type"), item.get("status")
        if kind == "agent_message":
            self.text = str(item.get("text") or "")
        elif status == "declined":
            self.denied.append(rules.cut(str(item.get("command") or kind)))
        elif kind == "file_change":
            self.edited_since = status == "completed"
            if self.edited_since:
                self.failed_edits.clear()
            else:
                changes = item.get("changes")
                paths = [str(mapping(one).get("path")) for one in changes] if isinstance(changes, list) else []
                self.failed_edits.append(rules.cut(f"the patch of {', '.join(paths) or 'a file'} failed"))


def _usage(told: dict[str, Any]) -> dict[str, Any]:
    """No cost is told; the numbers are the thread's so far."""
    return {ours: told[theirs] for ours, theirs in USAGE.items() if theirs in told}


def run_codex_job(job: Job) -> JobResult:
    return CodexAdapter().run_job(job)
