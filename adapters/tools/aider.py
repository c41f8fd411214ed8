"""aider, without a terminal. Its exit code is 0 for nearly everything: the log and git tell what happened."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from adapters import gitinfo, rules
from adapters.base import Draft, Field, Job, JobResult
from adapters.confinement import Profile
from adapters.errors import BadCommand
from adapters.evidence import Evidence
from adapters.facts import Said, Told
from adapters.permissions import Permissions
from adapters.process.spec import Ending
from adapters.tools import aider_log, flags
from adapters.tools.agent import LONG, MODEL, PROMPT, AgentAdapter
from adapters.verdict import Reason, Verdict

PLAIN = (
    "--yes-always",
    "--no-suggest-shell-commands",
    "--no-check-update",
    "--no-show-model-warnings",
    "--no-show-release-notes",
    "--no-gitignore",
    "--no-detect-urls",
    "--no-pretty",
    "--no-fancy-input",
    "--no-auto-test",
    "--no-auto-lint",
    "--disable-playwright",
)
# Where aider keeps its own files, instead of in the repository.
OWN_FILES = {
    "--analytics-log": "analytics.jsonl",
    "--chat-history-file": "chat.md",
    "--input-history-file": "input",
    "--llm-history-file": "llm.log",
}
ENV_FILE = "aider.env"
CACHE, CACHE_NOTE = ".aider.tags.cache.v4", "aider_cache"
WAITING = ("--gui", "--browser", "--watch-files", "--copy-paste", "--apply-clipboard-edits")
MESSAGE, MESSAGE_FILE = ("--message", "--msg", "-m"), ("--message-file", "-f")
# The key's provider is where the key goes, whatever a repository's .env says.
BASES = {
    "OPENAI_API_KEY": ("OPENAI_API_BASE", "https://api.openai.com/v1"),
    "ANTHROPIC_API_KEY": ("ANTHROPIC_API_BASE", "https://api.anthropic.com"),
}
PROVIDER = re.compile(r"AIDER_|.*(?:_API_KEY|_API_BASE|_BASE_URL|_API_VERSION|_API_TYPE)$|AWS_|GOOGLE_|VERTEX")


class AiderAdapter(AgentAdapter):
    name = "aider"
    executables = ("aider",)
    capabilities = ("edit", "commit", "usage", "cost")
    streams: ClassVar[Literal["merged", "split"]] = "merged"  # it prints everything on stdout
    default_idle_s = 660.0  # it waits 600 s for one answer
    needs = Profile(write=("~/.aider", "~/.aider.conf.yml", "~/.aider.model.settings.yml"))
    model_env = ("*_API_KEY", "*_API_BASE", "*_BASE_URL", "*_API_VERSION", "*_API_TYPE")
    # `--chat-mode` is another name of `--edit-format`, so a person's own wins; `--dry-run` keeps files as they are then, too.
    permissions = {Permissions.READ: ("--chat-mode", "ask", "--dry-run", "--no-auto-commits", "--no-dirty-commits")}
    own_permissions = ("--dry-run",)
    own_env = {"COLUMNS": "1000", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONUNBUFFERED": "1"}
    fields = (PROMPT, MODEL, Field("files", "Files", help="What it may edit, with blanks between; empty: it finds it."))

    def check(self, draft: Draft) -> None:
        for word in WAITING:
            if flags.has(draft.args, word):
                raise BadCommand(f"command.args holds {word}, with which aider waits for a person; give it a --message")
        file = flags.value(draft.args, *MESSAGE_FILE)
        if file and not (draft.cwd / file).is_file():
            raise BadCommand(
                f"command.args names the message file {file}, which is not there; write it, or use --message"
            )
        if gitinfo.root_of(draft.cwd) is None and not flags.has(draft.args, "--no-git"):
            raise BadCommand(
                f"paths.working_dir {draft.cwd} is not in a git repository, and aider would make one there; "
                "run git init yourself, or add --no-git"
            )

    def add_to(self, draft: Draft) -> None:
        self._note_cache(draft)
        asked = {word for word in PLAIN if self._is_said(draft, word)}
        own = [word for word in PLAIN if word not in asked]
        for word, name in OWN_FILES.items():
            if not flags.has(draft.args, word):
                own += [word, str(draft.report_file(name))]
        if not flags.has(draft.args, "--env-file"):
            own += ["--env-file", str(self._env_file(draft))]
        message = flags.value(draft.args, *MESSAGE)
        if message and len(message.encode()) > LONG:
            path = draft.attempt_dir / "prompt.md"
            path.write_text(message, encoding="utf-8")
            draft.args[:] = ["--message-file", str(path), *_without(draft.args, MESSAGE)]
        draft.add(*own, *draft.permissions)

    def _is_said(self, draft: Draft, word: str) -> bool:
        """Whether the person said it themselves, or its opposite, as a flag or as a variable."""
        plain = word.removeprefix("--").removeprefix("no-")
        said = {f"--{plain}", f"--no-{plain}", *(("--yes",) if plain == "yes-always" else ())}
        return flags.has(draft.args, *said) or "AIDER_" + plain.upper().replace("-", "_") in draft.env

    def _env_file(self, draft: Draft) -> Path:
        """aider loads .env from the repository over its environment; ours is loaded last, and wins."""
        kept = {name: text for name, text in draft.env.items() if PROVIDER.match(name) and "\n" not in text}
        for key, (base, address) in BASES.items():
            if key in kept:
                kept.setdefault(base, address)
        path = draft.attempt_dir / ENV_FILE
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={_quoted(text)}\n" for name, text in kept.items()), encoding="utf-8")
        return path

    def prompt_of(self, job: Job) -> str | None:
        args = [str(word) for word in (job.get("command") or {}).get("args") or ()]
        return flags.value(args, *MESSAGE) or None

    def command_for_prompt(self, prompt: str, job: Job) -> dict[str, Any]:
        # A separate word that begins with a dash would be read as a flag.
        return {"exe": "aider", "args": [f"--message={prompt}"] if prompt.startswith("-") else ["--message", prompt]}

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        command = super().form_to_command(values)
        command["args"] += values.get("files", "").split()
        return command

    def asks(self, job: Job) -> bool:
        args = [str(word) for word in (job.get("command") or {}).get("args") or ()]
        return flags.has(args, *MESSAGE, *MESSAGE_FILE) and not flags.has(args, "--dry-run")

    def classify(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        # It has ended: the keys need not lie there any longer, and the cache that it made is nobody's.
        (evidence.attempt_dir / ENV_FILE).unlink(missing_ok=True)
        self._remove_cache(evidence.attempt_dir)
        return super().classify(job, ending, evidence)

    def _note_cache(self, draft: Draft) -> None:
        """aider cannot be told where to put its cache; one that was there before stays."""
        root = gitinfo.root_of(draft.cwd)
        if root is not None and not (root / CACHE).exists():
            (draft.attempt_dir / CACHE_NOTE).write_text(str(root / CACHE), encoding="utf-8")

    def _remove_cache(self, attempt_dir: Path) -> None:
        note = attempt_dir / CACHE_NOTE
        if note.is_file():
            shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)
            note.unlink()

    def tell(self, job: Job, evidence: Evidence) -> aider_log.Reading:
        reading = aider_log.Reading()
        for line in aider_log.own_lines(evidence.lines(), evidence.file(OWN_FILES["--llm-history-file"])):
            reading.read(line)
        reading.count(evidence.file(OWN_FILES["--analytics-log"]))
        if reading.empty:
            reading.said, reading.quotes = Said.EMPTY, (rules.cut(reading.empty),)
        elif not evidence.tail().strip():
            self.without_events(job, evidence, reading)
        if reading.error:
            reading.doing = rules.waiting_for(reading.error)
        elif aider_log.unanswered(evidence.file(OWN_FILES["--analytics-log"])):
            reading.doing = "waiting for the model"
        return reading

    def judge_told(self, job: Job, ending: Ending, evidence: Evidence, told: Told) -> Verdict:
        assert isinstance(told, aider_log.Reading)
        reading = told
        if ending.exit_code != 0:
            if ending.exit_code in (1, *rules.NOT_RUNNABLE):
                return self.failed(ending, evidence, reading.error)
            return rules.by_exit_code(ending, evidence)
        if reading.error:
            return aider_log.by_litellm(reading.error, ending)
        if reading.too_long:
            return Verdict(
                Reason.CONTEXT_OVERFLOW,
                rules.SENTENCES[Reason.CONTEXT_OVERFLOW],
                "aider:token_limit",
                (rules.cut(reading.too_long),),
            )
        if reading.bad_edit or (reading.gave_up and not _tests_itself(job)):
            return Verdict(
                Reason.EDIT_FAILED,
                "The model's edit could not be applied",
                "aider:edit_format",
                (rules.cut(reading.bad_edit or reading.gave_up),),
            )
        if reading.gave_up:
            return Verdict(
                Reason.TESTS_FAILED,
                "aider gave up after 3 tries: its test or lint command still fails",
                "aider:reflections",
                (rules.cut(reading.gave_up),),
            )
        if aider_log.unanswered(evidence.file(OWN_FILES["--analytics-log"])):
            return Verdict(Reason.NETWORK, "A request to the model was never answered", "aider:analytics")
        return rules.done("aider:done", evidence)


def _without(args: Sequence[str], names: Sequence[str]) -> list[str]:
    kept: list[str] = []
    words = iter(args)
    for word in words:
        if word in names:
            next(words, "")
        elif not flags.has([word], *names):
            kept.append(word)
    return kept


def _tests_itself(job: Job) -> bool:
    return flags.has(
        (job.get("command") or {}).get("args") or (), "--auto-test", "--test-cmd", "--auto-lint", "--lint-cmd"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def run_aider_job(job: Job) -> JobResult:
    return AiderAdapter().run_job(job)
