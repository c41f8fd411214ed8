"""The table of facts: what git, the tool, its exit code and the job together say about an attempt.

An exit code of 0 does not prove that anything was done, and neither is a tool's own "done". No adapter decides by itself
what a missing or an unwanted change means: `weigh` does, for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from adapters.evidence import Evidence
from adapters.process.spec import Ending
from adapters.text import cut
from adapters.verdict import Reason, Verdict
from schema.options import JobOptions


class Said(StrEnum):
    """The tool's own last word."""

    NOTHING = "nothing"  # a program without a final event
    DONE = "done"
    UNFINISHED = "unfinished"  # it owes a final event
    FAILED = "failed"  # an error or a limit, in its own words
    DENIED = "denied"  # it went on, but was not allowed to do something
    EDIT_FAILED = "edit_failed"  # it went on, but its last edit could not be applied
    EMPTY = "empty"  # it ended without a word of its model


class Tree(StrEnum):
    """The working tree after the attempt, compared with before."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"  # git did not answer
    ABSENT = "absent"  # not in a git repository


class Exit(StrEnum):
    SUCCESS = "success"  # 0, or a code that the job takes for success
    FAILURE = "failure"
    SIGNAL = "signal"


def exit_of(ending: Ending) -> Exit:
    if ending.signal:
        return Exit.SIGNAL
    return Exit.SUCCESS if ending.exit_code == 0 else Exit.FAILURE


@dataclass
class Told:
    """What one pass over a tool's own events found; complete up to where the log ends."""

    said: Said = Said.NOTHING
    quotes: tuple[str, ...] = ()  # what the doubt rests on: denied calls, edits that failed
    doing: str = ""  # what it was at when the log ends: "waiting for the network"
    usage: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    stopped: bool  # by Engine: a limit, a cancel, a lost worker
    exit: Exit
    said: Said
    tree: Tree
    reads: bool  # the job declares that it only reads
    expects: bool  # the job, or the adapter where the job does not say, expects a change


@dataclass(frozen=True)
class Row:
    """One line of the table; a fact that is None may have any value. `reason` None: the verdict at hand stands."""

    reason: Reason | None
    stopped: bool | None = None
    exit: Exit | None = None
    said: Said | None = None
    tree: Tree | None = None
    reads: bool | None = None
    expects: bool | None = None

    def fits(self, facts: Facts) -> bool:
        names = ("stopped", "exit", "said", "tree", "reads", "expects")
        return all(getattr(self, name) in (None, getattr(facts, name)) for name in names)


# The first row that fits decides.
TABLE = (
    Row(None, stopped=True),
    Row(None, exit=Exit.SIGNAL),
    Row(None, said=Said.FAILED),
    Row(None, exit=Exit.FAILURE),
    Row(None, said=Said.UNFINISHED),
    Row(Reason.WROTE_BUT_READING, reads=True, tree=Tree.CHANGED),
    Row(Reason.INFRA, reads=True, tree=Tree.UNKNOWN),
    Row(Reason.INFRA, expects=True, tree=Tree.UNKNOWN),
    Row(Reason.OK, tree=Tree.CHANGED),
    Row(Reason.EMPTY_ANSWER, said=Said.EMPTY),
    Row(Reason.OK, reads=True),
    Row(Reason.DENIED, said=Said.DENIED),
    Row(Reason.EDIT_FAILED, said=Said.EDIT_FAILED),
    Row(Reason.NO_CHANGE, expects=True, tree=Tree.UNCHANGED),
    Row(Reason.OK),
)

SENTENCES = {
    Reason.WROTE_BUT_READING: "The job declares that it only reads, but it changed {files}",
    Reason.INFRA: "{tool} ended, but git could not tell what it changed: {trouble}",
    Reason.EMPTY_ANSWER: "{tool} ended without an answer of its model, and changed nothing",
    Reason.DENIED: "{tool} was not allowed to do this: {quote}; allow it and try again",
    Reason.EDIT_FAILED: "The model's edit could not be applied: {quote}",
    Reason.NO_CHANGE: (
        "{tool} ended well but changed nothing, and the job expects a change; "
        "if none is right, set metadata.expect_changes to false or metadata.access to read"
    ),
}


def decide(facts: Facts) -> Reason | None:
    """The reason by the table; None if what the engine, the tool or its exit code said stands."""
    return next(row for row in TABLE if row.fits(facts)).reason


def reads(job: Mapping[str, Any]) -> bool:
    return JobOptions.from_document(job).reads


def expects(job: Mapping[str, Any], default: bool) -> bool:
    """Whether success needs a change; a job that only reads never expects one."""
    options = JobOptions.from_document(job)
    return not options.reads and (default if options.expect_changes is None else options.expect_changes)


def tree_of(evidence: Evidence, reads: bool) -> Tree:
    """What git says. A reader is not blamed for a change where others were at work."""
    if evidence.git_trouble:
        return Tree.UNKNOWN
    if evidence.git is None:
        return Tree.ABSENT
    if reads and evidence.shared:
        return Tree.UNCHANGED
    return Tree.CHANGED if evidence.git.changed else Tree.UNCHANGED


def weigh(tool: str, verdict: Verdict, told: Told, facts: Facts, evidence: Evidence) -> Verdict:
    """The verdict that the table gives; `verdict` is what engine, tool and exit code say by themselves."""
    reason = decide(facts)
    if not verdict.success or reason in (None, Reason.OK):
        return verdict
    quote = told.quotes[-1] if told.quotes else "it gave no reason"
    files = ", ".join(evidence.git.files[:3]) if evidence.git and evidence.git.files else "its repository"
    sentence = SENTENCES[reason].format(tool=tool, quote=cut(quote), files=files, trouble=evidence.git_trouble)
    details = {**verdict.details, "permanent": True, "blames": "job"} if reason is Reason.INFRA else verdict.details
    return replace(
        verdict,
        reason=reason,
        rule=f"facts:{reason}",
        summary=cut(sentence),
        evidence=told.quotes[-3:],
        details=details,
    )
