"""git itself, without a pager, an editor or a question."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from adapters import rules
from adapters.base import Draft, Field, Job, JobResult, ToolAdapter
from adapters.evidence import Evidence
from adapters.process.spec import Ending
from adapters.verdict import Reason, Verdict

FATAL = re.compile(r"^(?:fatal|error): .+", re.MULTILINE)
TEXTS: tuple[tuple[Reason, str, re.Pattern[str]], ...] = (
    (
        Reason.AUTH,
        "git could not log in",
        re.compile(
            r"authentication failed|could not read (?:username|password)|permission denied \(publickey|"
            r"terminal prompts disabled|host key verification failed|invalid (?:username|credentials)|access denied|"
            r"returned error: 40[13]",
            re.IGNORECASE,
        ),
    ),
    (
        Reason.NETWORK,
        "git could not reach the remote",
        re.compile(
            r"could not resolve host|connection (?:refused|timed out|reset)|network is unreachable|failed to connect|"
            r"unable to access|early eof|hung up unexpectedly",
            re.IGNORECASE,
        ),
    ),
    (Reason.INFRA, "Another git process holds a lock", re.compile(r"\.lock': File exists|Unable to create '.*\.lock'")),
    (Reason.INFRA, "git could not write", re.compile(r"no space left on device|read-only file system", re.IGNORECASE)),
)
CONFLICT = re.compile(r"^CONFLICT .+", re.MULTILINE)


class GitAdapter(ToolAdapter):
    name = "git"
    executables = ("git",)
    capabilities = ("version_control",)
    default_idle_s = 600.0
    own_env = {"GIT_MERGE_AUTOEDIT": "no"}
    makes_commits = True
    fields = (Field("arguments", "Arguments", help="What follows git, for example: diff --stat", required=True),)

    def add_to(self, draft: Draft) -> None:
        draft.add("--no-pager")

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        words = shlex.split(values["arguments"])
        return {"exe": "git", "args": words[1:] if words[:1] == ["git"] else words}

    def judge(self, job: Job, ending: Ending, evidence: Evidence) -> Verdict:
        code, tail = ending.exit_code, evidence.tail()
        if code == 0:
            return rules.done("exit:0", evidence)
        # 129 is git's own, and would read as SIGHUP.
        if code != 129 and (verdict := rules.signalled(ending, evidence)):
            return verdict
        found = FATAL.search(tail)
        said = rules.cut(found[0] if found else evidence.last_line())
        for reason, sentence, pattern in TEXTS:
            if code != 129 and pattern.search(tail):
                return Verdict(reason, f"{sentence}: {said}", f"git:{reason.value}", (said,))
        if conflict := CONFLICT.search(tail):
            return Verdict(
                Reason.EXIT_CODE, rules.cut(f"A merge conflict: {conflict[0]}"), "git:conflict", (conflict[0],)
            )
        if code == 129:
            return Verdict(Reason.EXIT_CODE, f"git did not understand its arguments: {said}", "git:129", (said,))
        return rules.failed_exit(ending, evidence, said)


def run_git_job(job: Job) -> JobResult:
    return GitAdapter().run_job(job)
