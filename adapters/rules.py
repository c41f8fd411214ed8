"""The rules that all adapters share: how the engine ended it, what signals mean, what an exit code says.

Tools find those about providers here, too.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any, assert_never

from adapters.evidence import Evidence
from adapters.process.spec import EndedBy, Ending
from adapters.provider_errors import SENTENCES as SENTENCES
from adapters.provider_errors import WAITING as WAITING
from adapters.provider_errors import api_failure as api_failure
from adapters.provider_errors import api_reason as api_reason
from adapters.provider_errors import reset_time as reset_time
from adapters.provider_errors import sentence_for as sentence_for
from adapters.provider_errors import waiting_for as waiting_for
from adapters.text import CUT as CUT
from adapters.text import cut as cut
from adapters.verdict import Reason, Verdict

LIMITS = (EndedBy.TIMEOUT, EndedBy.IDLE)

NOT_RUNNABLE = (126, 127)  # a shell's codes for a command that cannot be run, or is not there
CRASHES = frozenset(
    {signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS}
)
ENDINGS = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM})
SHELL_WORDS = re.compile(r"\b(?:hangup|interrupt(?:ed)?|quit|broken pipe|alarm clock|terminated)\b", re.IGNORECASE)

ERROR_LINE = re.compile(r"(?:[\w./-]+: )?(?:fatal|error|unknown|unexpected|invalid)\b[^=]*:? .", re.IGNORECASE)


def engine_ended(ending: Ending, doing: str = "") -> Verdict | None:
    """How the engine itself ended the attempt always wins over any exit code; `doing` is what the tool was at."""
    told = _ended_by(ending.ended_by)
    if told is None:
        return None
    reason, sentence = told
    took = f"{ending.duration_s:.0f} s" if ending.duration_s >= 10 else f"{ending.duration_s:.1f} s"
    error = ending.error or "no reason given"
    if ending.ended_by in LIMITS:  # the keeper's sentence names the limit
        error = error[0].lower() + error[1:].rstrip(".")
    summary = sentence.format(time=took, error=error, doing=f"; it was {doing}" if doing else "")
    details: dict[str, Any] = {"doing": doing} if doing else {}
    is_log_error = ending.ended_by is EndedBy.LOG_ERROR
    if is_log_error and "(paths.log_file)" in ending.error and "make room" not in ending.error:
        # The place that the job named cannot be written, whoever tries.
        details |= {"permanent": True, "blames": "job"}
    return Verdict(reason, cut(summary), f"engine:{ending.ended_by}", details=details)


def _ended_by(cause: EndedBy) -> tuple[Reason, str] | None:
    """The reason and the sentence of an end that the tool did not choose."""
    match cause:
        case EndedBy.EXIT:
            return None
        case EndedBy.TIMEOUT:
            return Reason.TIMEOUT, "Stopped after {time}: {error}{doing}"
        case EndedBy.IDLE:
            return Reason.STALLED, "Stopped after {time}: {error}{doing}"
        case EndedBy.CANCEL:
            return Reason.CANCELLED, "Cancelled after {time}{doing}"
        case EndedBy.SPAWN_ERROR:
            return Reason.INFRA, "Could not be started: {error}"
        case EndedBy.LOG_ERROR:
            return Reason.INFRA, "Stopped because its log could not be written: {error}"
        case EndedBy.LIFELINE:
            return Reason.LOST, "Stopped because its worker went away"
        case EndedBy.DEADMAN:
            return Reason.LOST, "Stopped because its worker stopped answering"
        case _:
            assert_never(cause)


def signalled(ending: Ending, evidence: Evidence) -> Verdict | None:
    """Ended by a signal, seen by us or reported by a shell as 128 + n.

    A program may choose such a code itself: it is a signal only if it is one that ends programs, and if the log does
    not end with other words. A crash is believed whatever stands there.
    """
    number = ending.signal
    if number is None and ending.exit_code is not None and ending.exit_code > 128:
        told, last = ending.exit_code - 128, evidence.last_line()
        if told in CRASHES or (told in ENDINGS and (not last or SHELL_WORDS.search(last))):
            number = told
    if not number:
        return None
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = " (often: out of memory)" if name == "SIGKILL" else ""
    return Verdict(Reason.CRASHED, f"Ended by {name}{hint}, which the engine did not send", "signal", (name,))


def not_runnable(ending: Ending) -> Verdict | None:
    if ending.exit_code not in NOT_RUNNABLE:
        return None
    words = "a command was not found" if ending.exit_code == 127 else "a command could not be executed"
    return Verdict(Reason.INFRA, f"Exit code {ending.exit_code}: {words}", f"exit:{ending.exit_code}")


def by_exit_code(ending: Ending, evidence: Evidence) -> Verdict:
    """What is left to say of a program that nothing else is known of.

    126 and 127 are the script's own: our program was there and ran.
    """
    if ending.exit_code == 0:
        return done("exit:0", evidence)
    return signalled(ending, evidence) or failed_exit(ending, evidence)


def failed_exit(ending: Ending, evidence: Evidence, said: str = "") -> Verdict:
    """A non-zero exit: `said`, or what the log says last."""
    told = cut(said or telling_line(evidence))
    if not told and ending.exit_code in NOT_RUNNABLE:
        told = "a command was not found" if ending.exit_code == 127 else "a command could not be executed"
    summary = cut(f"Exit code {ending.exit_code}: {told}" if told else f"Exit code {ending.exit_code} and no output")
    return Verdict(Reason.EXIT_CODE, summary, f"exit:{ending.exit_code}", (told,) if told else ())


def telling_line(evidence: Evidence, *, notes_only: bool = False) -> str:
    """The last line that calls itself an error, which often stands above a page of usage; else the last line.

    `notes_only`: JSON lines do not count, because they quote what a model said.
    """
    found = evidence.notes() if notes_only else evidence.tail(32 * 1024).splitlines()
    lines = [line.strip() for line in found[-100:] if line.strip()]
    return next((line for line in reversed(lines) if ERROR_LINE.match(line)), lines[-1] if lines else "")


def done(rule: str, evidence: Evidence, said: str = "Done", details: Mapping[str, Any] | None = None) -> Verdict:
    """Success, with what git knows of it; `ToolAdapter.classify` asks whether a change was expected."""
    git, facts = evidence.git, ""
    if git is not None:
        changed = f"{_counted(git.changed_files, 'file')} changed, {_counted(git.commits, 'commit')}"
        facts = f": {changed}" if git.changed else ": nothing changed in the working tree"
    return Verdict(Reason.OK, said + facts, rule, details=details or {})


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def no_final_event(tool: str, owed: str, evidence: Evidence) -> Verdict:
    return Verdict(
        Reason.CRASHED,
        f"{tool} exited 0 without {owed}: it did not finish",
        "no_final_event",
        tuple(filter(None, [cut(evidence.last_line())])),
    )
