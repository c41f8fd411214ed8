"""One attempt of a keeper: its files, its tool, its time limits, from the start order to the exit report."""

import binascii
import os
import time

from . import attempt_files, cgroup, clock, exit_report, starter, tree
from .account import Account
from .attempt_files import ExitRecord
from .limits import BirthLimits
from .log.output import Output
from .log.sink import LogError
from .log.writer import LogWriter
from .ownership import Claim, Ownership
from .pidfile import PidFile
from .poller import Poller, Share
from .protocol import Control
from .reaper import Exit
from .spawn_error import SpawnError
from .stdin_writer import StdinWriter
from .stop import LEFTOVER_GRACE_S, Stopper
from .timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROGRESS_INTERVAL_S = 0.2
SCAN_TIMEOUT_S = 3.0  # at the end, for error lines in what the tool wrote last
MAX_FAILURES = 3
SELF_ENDED = "exit"


class Shared:
    """What all attempts of a keeper use together."""

    def __init__(self, control: Control, poller: Poller, identities: dict[str, int]) -> None:
        self.control, self.poller, self.identities = control, poller, identities
        self.limits = BirthLimits()
        self.ownership = Ownership(self.limits.has_tags)


class Attempt:
    """Raises LogError or SpawnError if the start order is refused before anything runs. All `now` are `clock.now`."""

    def __init__(self, number: int, spec: "dict[str, Any]", shared: Shared) -> None:
        self.number, self.due = number, float("inf")
        self.done = False
        self._failures = 0
        self._shared = shared
        self._grace_s: float = spec["grace_s"]
        self._marker = spec["marker"]
        self._started_at, self._started = time.time(), clock.now()
        self._cause = self._error = ""
        self._exit: Exit | None = None
        self._told, self._told_at = 0, 0.0
        self._scan_until: float | None = None
        self._pidfile: PidFile | None = None
        self._timers = Timers(spec, self._started)
        os.makedirs(spec["attempt_dir"], mode=0o700, exist_ok=True)  # noqa: PTH103 - also for a refusal's record
        account = Account(spec.get("user"))
        self.claim = Claim(self._marker, spec.get("tag", 0), account.uids)
        self._stopper = Stopper(self.claim, shared.ownership)
        self._open(spec)
        shared.ownership.add(self.claim)
        try:
            self._start(spec, account)
        except SpawnError as error:
            self.claim.pid, self.claim.running = error.pid, error.pid > 0
            self._fail("spawn_error", str(error))
        except LogError as error:
            self._fail("log_error", str(error))
        except Exception as error:
            self._fail("spawn_error", f"The keeper failed: {type(error).__name__}: {error}.")

    def _open(self, spec: "dict[str, Any]") -> None:
        directory = spec["attempt_dir"]
        if attempt_files.ended_already(directory):
            raise SpawnError(f"{directory} holds the ending of an earlier run; an attempt runs once.")
        umask = os.umask(spec["umask"])  # for the job's own log file
        try:
            self._log = LogWriter(spec)
        finally:
            os.umask(umask)
        share = Share(self._shared.poller, self.number)
        text = spec.pop("stdin_b64", None)
        try:
            self._record = ExitRecord(directory)
            self._stdin = StdinWriter(share, None if text is None else binascii.a2b_base64(text))
            self._output = Output(spec, share, self._log)
        except BaseException:
            self._log.close()
            raise

    def _start(self, spec: "dict[str, Any]", account: Account) -> None:
        if spec.get("use_cgroup") or not self._shared.ownership.has_tags:
            self.claim.group = cgroup.make(self._marker)
        try:
            with self._shared.limits.tagged(spec.get("tag", 0)):
                pid = starter.start(spec, account, self.claim.group, (self._stdin.reader, *self._output.writers))
            self.claim.started(pid, tree.starttime_of(pid))
        finally:  # also after a failure: the pipes have to end
            self._stdin.tool_started()
            self._output.tool_started()
        self._pidfile = PidFile(spec, self.claim, self._shared.ownership, self._shared.identities, self._started_at)
        self._tell("started", pid=pid, starttime=self.claim.since, shim_pid=os.getpid())

    def described(self) -> "dict[str, Any]":
        """What a new runner needs to know of it."""
        return {"id": self.number, "marker": self._marker, "pid": self.claim.pid, "starttime": self.claim.since}

    @property
    def stopping(self) -> bool:
        return self._stopper.begun_at is not None

    @property
    def unread(self) -> bool:
        """There is output that was not yet scanned for error lines."""
        return not self.done and self._log.unread

    def handle(self, fd: int, now: float) -> None:
        """One of the attempt's files is ready."""
        if fd == self._stdin.fd:
            self._stdin.push()
        elif self._output.handle(fd, now):
            self._timers.output_came(now)

    def use_pause(self) -> None:
        self._output.use_pause()

    def heartbeat(self, seconds: float, now: float, *, only_if_watched: bool = False) -> None:
        if self._timers.has_watchdog or not only_if_watched:
            self._timers.extend(seconds, now)

    def tool_ended(self, exit_: Exit) -> None:
        self._exit, self.claim.running = exit_, False

    def stop(self, cause: str, grace_s: float | None, now: float, error: str = "") -> None:
        """Stop the tree (None: with the grace of the spec). The first cause is the one that is reported.

        A log that was lost is reported rather than a good end.
        """
        if self.done or self._scan_until is not None:
            return
        if not self._cause or (cause == "log_error" and self._cause == SELF_ENDED):
            self._cause, self._error = cause, error
        if cause != SELF_ENDED or self._cause == SELF_ENDED:  # an end within a stop's grace leaves that grace to others
            self._stopper.begin(cause, self._grace_s if grace_s is None else grace_s, now)

    def lose_runner(self, grace_s: float, now: float, error: str) -> None:
        self.stop("lifeline", min(grace_s, self._grace_s), now, error)

    def fail(self, error: Exception, now: float) -> None:
        """A defect of ours in this attempt: end it, and leave the others alone."""
        self._failures += 1
        self._fail("spawn_error", f"The keeper failed: {type(error).__name__}: {error}.", now)
        if self._failures >= MAX_FAILURES:  # not even the stop works: what is left has no owner, and is killed as such
            self.done = True
            self._shared.ownership.remove(self.claim)
            spec = {"marker": self._marker}
            report = exit_report.facts(spec, self._cause, self._error, self._started_at, self._started)
            exit_report.publish(self.number, report, self._record, self._shared.control)

    def _fail(self, cause: str, error: str, now: float | None = None) -> None:
        if not self._cause or self._cause == SELF_ENDED:
            self._cause, self._error = cause, error
        self._stopper.begin(cause, 0.0, clock.now() if now is None else now)

    def advance(self, now: float) -> float | None:
        """Do what is due; returns the seconds until it wants to be called again, None for no limit of time."""
        if self._scan_until is not None:
            return self._scan(now)
        self._watch(now)
        self._tell_progress(now)
        waits = [self._timers.next_in(now), self._output.tick(now)]
        if self.stopping:
            waits.append(self._stopper.step(now))
            if self._stopper.done:
                return self._complete_log(now)
        elif self._told != self._log.seen:
            waits.append(max(0.0, self._told_at + PROGRESS_INTERVAL_S - now))
        if self._pidfile is not None and not self._cause:
            waits.append(self._pidfile.next_in(now))
        return min((wait for wait in waits if wait is not None), default=None)

    def _watch(self, now: float) -> None:
        """What ends an attempt without an order."""
        if self._output.error:
            self.stop("log_error", None, now, self._output.error)
        if self._timers.watchdog_expired(now):
            self.stop("deadman", 0.0, now, "The runner sent no heartbeat in time.")
        if self._exit is not None:
            self.stop(SELF_ENDED, min(LEFTOVER_GRACE_S, self._grace_s), now)
        elif not self._cause and (expired := self._timers.expired(now)):
            self.stop(expired[0], None, now, expired[1])
        if self._pidfile is not None and not self._cause:
            self._pidfile.refresh(now)

    def _tell_progress(self, now: float) -> None:
        if self._told != self._log.seen and now - self._told_at >= PROGRESS_INTERVAL_S:
            self._told, self._told_at = self._log.seen, now
            at = self._output.last_at
            self._tell("progress", bytes=self._log.size, lines=self._log.lines, last_output_at=at)

    def _tell(self, event: str, **content: object) -> None:
        self._shared.control.tell(event, id=self.number, **content)

    def _complete_log(self, now: float) -> float:
        """The tree is gone: take what is left in the pipes, then scan in pieces, so that no other attempt waits."""
        try:
            self._stdin.close()
            self._output.finish(now)
            self._log.join()
        except Exception as error:  # the ending is reported whatever became of the log
            self._output.error = self._output.error or str(error)
        self._scan_until = now + SCAN_TIMEOUT_S
        return self._scan(now) or 0.0

    def _scan(self, now: float) -> float | None:
        try:
            if now < (self._scan_until or 0.0) and not self._log.scan_rest():
                return 0.0
        except LogError as error:
            self._output.error = self._output.error or str(error)
        self._report()
        return None

    def _report(self) -> None:
        self.done = True
        self._log.close()
        self._shared.ownership.remove(self.claim)
        if self._output.error and self._cause == SELF_ENDED:
            self._cause, self._error = "log_error", self._output.error
        if self.claim.group is not None:
            self.claim.group.remove()
        stop, log = self._stopper, self._log
        spec = {"marker": self._marker}
        report = exit_report.facts(spec, self._cause, self._error, self._started_at, self._started)
        if self._exit is not None:
            report.update(exit_code=self._exit.exit_code, signal=self._exit.signal, rusage=self._exit.rusage)
        if self._cause == "spawn_error" and self._pidfile is None:
            report.update(exit_code=None, signal=None)
        report.update(killed=stop.killed, survivors=stop.survivors, stop_s=stop.took_s)
        report.update(log_bytes=log.size, log_lines=log.lines, log_skipped_bytes=log.skipped)
        report["first_error_line"] = log.first_error_line
        exit_report.publish(self.number, report, self._record, self._shared.control)
