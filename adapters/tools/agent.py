"""What the AI tools share: a prompt, a model, and the question whether they may edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from adapters import facts, rules
from adapters.base import Draft, Field, Job, ToolAdapter
from adapters.evidence import Evidence
from adapters.facts import Said, Told
from adapters.process.spec import Ending
from adapters.tools import flags
from adapters.verdict import Verdict

LONG = 8 * 1024  # a longer prompt leaves the argv: it would be seen in `ps`, and Linux ends one argument at 128 KiB

PROMPT = Field("prompt", "Prompt", "textarea", "What the tool is to do.", required=True)
MODEL = Field("model", "Model", help="Empty: the tool's own choice.")


class AgentAdapter(ToolAdapter):
    streams: ClassVar[Literal["merged", "split"]] = "split"  # events on stdout are never torn apart by a note on stderr
    makes_commits = True
    expects_changes = True
    fields: tuple[Field, ...] = (PROMPT, MODEL)
    prompt_flags: ClassVar[tuple[str, ...]] = ()  # of a tool that takes the prompt after a flag
    valued: ClassVar[frozenset[str]] = frozenset()  # the tool's flags that take the next argument

    def flagged_prompt(self, args: Sequence[str]) -> int | None:
        """Where the prompt stands after its flag."""
        return next((at + 1 for at, word in enumerate(args[:-1]) if word in self.prompt_flags), None)

    def prompt_at(self, args: Sequence[str]) -> int | None:
        """Where the prompt stands in the arguments."""
        found = flags.positions(args, self.valued)
        return found[0] if found else None

    def prompt_of(self, job: Job) -> str | None:
        command = job.get("command") or {}
        args = [str(word) for word in command.get("args") or ()]
        at = self.prompt_at(args)
        spoken = [args[at] if at is not None and args[at] != "-" else "", str(command.get("stdin") or "")]
        return "\n\n".join(part for part in spoken if part.strip()) or None

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        command = self.command_for_prompt(values["prompt"], {})
        if model := values.get("model", "").strip():
            at = 1 if command["args"][:1] in (["exec"], ["run"]) else 0
            command["args"][at:at] = ["--model", model]
        return command

    def asks(self, job: Job) -> bool:
        """Whether the command gives the model a task; `login status` does not."""
        return self.prompt_of(job) is not None

    def expects(self, job: Job) -> bool:
        return facts.expects(job, self.expects_changes and self.asks(job))

    def spoke(self, told: Told, text: str, denied: Sequence[str], failed_edits: Sequence[str]) -> None:
        """Note how a tool that went on to its end left the work: by what it was kept from, then by what it said."""
        if denied:
            told.said, told.quotes = Said.DENIED, tuple(denied)
        elif failed_edits:
            told.said, told.quotes = Said.EDIT_FAILED, tuple(failed_edits)
        else:
            told.said = Said.DONE if text.strip() else Said.EMPTY

    def without_events(self, job: Job, evidence: Evidence, told: Told) -> None:
        """A run in a format without events: only a log without any word tells something."""
        if self.asks(job) and not evidence.tail().strip():
            told.said = Said.EMPTY

    def long_prompt_to_stdin(self, draft: Draft, instead: Sequence[str] = ()) -> None:
        at = self.prompt_at(draft.args)
        if at is None or draft.stdin is not None or len(draft.args[at].encode()) <= LONG:
            return
        draft.stdin = draft.args[at].encode()
        begin = at - 1 if at == self.flagged_prompt(draft.args) else at
        draft.args[begin : at + 1] = instead

    def failed(self, ending: Ending, evidence: Evidence, said: str, status: int | None = None) -> Verdict:
        """A failure in the tool's own words, or in the last words of its log."""
        text = said or rules.telling_line(evidence, notes_only=self.streams == "split")
        return (
            rules.api_failure(text, status, f"{self.name}:error", ending.ended_at)
            or rules.signalled(ending, evidence)
            or rules.not_runnable(ending)
            or rules.failed_exit(ending, evidence, text)
        )
