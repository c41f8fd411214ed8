"""Event loop of one run, from its start to its exit report: a single thread and one poll."""

import binascii
import os
import select
import signal
import time

from . import attempt_files, cgroup, exit_report, spawn, tree
from .channel import Events, Orders
from .logfile import LogWriter
from .output import Output
from .pidfile import PidFile
from .reaper import Reaper
from .sink import LogError
from .stdin_writer import StdinWriter
from .stop import LEFTOVER_GRACE_S, Stopper
from .timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROGRESS_INTERVAL_S = 0.2
SELF_ENDED = "exit"


class Run:
    """What one `run` order asked for. Raises LogError or SpawnError if it is refused before anything runs."""

    def __init__(self, spec: "dict[str, Any]", orders: Orders, events: Events, wakeup: int) -> None:
        self._spec, self._orders, self._events, self._wakeup = spec, orders, events, wakeup
        os.umask(spec["umask"])
        os.makedirs(spec["attempt_dir"], mode=0o700, exist_ok=True)  # noqa: PTH103
        self._started_at, self._started = time.time(), time.monotonic()
        self._cause = self._error = ""
        self._signals = self._told = 0
        self._told_at = self._stop_in = 0.0
        self._timers = Timers(spec, self._started)
        self._account = spawn.Account(spec.get("user"))
        self._reaper = Reaper()
        self._stopper = Stopper(self._reaper, spec["marker"], self._account.uids)
        if attempt_files.ended_already(spec["attempt_dir"]):
            raise spawn.SpawnError(f"{spec['attempt_dir']} holds the ending of an earlier run; an attempt runs once.")
        self._log = LogWriter(spec)
        self._record = attempt_files.ExitRecord(spec["attempt_dir"])
        self._poll = select.poll()
        self._output = Output(spec, self._poll, self._log)
        text = spec.pop("stdin_b64", None)
        self._stdin = StdinWriter(self._poll, None if text is None else binascii.a2b_base64(text))
        self._pidfile: PidFile | None = None

    def carry_out(self) -> None:
        """Never raises: whatever happens, the tree is stopped and the ending is recorded."""
        try:
            self._start()
            while not self._stopper.done:
                self._turn()
        except spawn.SpawnError as error:
            self._abort("spawn_error", str(error))
        except LogError as error:
            self._abort("log_error", str(error))
        except Exception as error:
            self._abort("spawn_error", f"The shim failed: {type(error).__name__}: {error}.")
        self._end()

    def _start(self) -> None:
        if self._spec.get("use_cgroup", True):
            self._stopper.group = cgroup.make(self._spec["marker"])
        group = self._stopper.group
        pid = spawn.start(self._spec, self._account, group, self._stdin.reader, *self._output.writers)
        self._reaper.main_pid, started = pid, tree.starttime_of(pid)
        self._stopper.since_tick = started
        self._pidfile = PidFile(self._spec, pid, started, self._account.uids[-1], group, self._started_at)
        self._events.tell("started", pid=pid, starttime=started, shim_pid=os.getpid())
        self._stdin.tool_started()
        self._output.tool_started()
        self._poll.register(self._orders.fd, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        self._obey(self._orders.kept(), time.monotonic())

    def _turn(self) -> None:
        now = time.monotonic()
        wait = min(self._timers.next_in(now), self._output.tick(now))
        if self._stopper.begun_at is not None:
            wait = min(wait, self._stop_in)
        elif self._told != self._log.seen:
            wait = min(wait, max(0.0, self._told_at + PROGRESS_INTERVAL_S - now))
        if self._pidfile is not None and not self._cause:
            wait = min(wait, self._pidfile.next_in(now))
        ready = self._poll.poll(0 if self._log.unread else wait * 1000)
        for fd, _ in ready:
            self._handle(fd, time.monotonic())
        if not ready:
            self._output.use_pause()
        now = time.monotonic()
        self._reaper.collect()
        self._watch(now)
        self._tell_progress(now)
        if self._stopper.begun_at is not None:
            self._stop_in = self._stopper.step(now)

    def _handle(self, fd: int, now: float) -> None:
        if fd == self._orders.fd:
            self._obey(self._orders.read(), now)
        elif fd == self._wakeup:
            self._take_signals(now)
        elif fd == self._stdin.fd:
            self._stdin.push()
        elif self._output.handle(fd, now):
            self._timers.output_came(now)

    def _obey(self, orders: "list[dict[str, Any]]", now: float) -> None:
        for order in orders:
            if order.get("op") == "extend":
                if seconds := _seconds(order.get("s"), 0.0):
                    self._timers.extend(seconds)
            elif order.get("op") == "cancel":
                self._stop("cancel", _seconds(order.get("grace"), self._spec["grace_s"]), now)
        if self._orders.ended:
            self._poll.unregister(self._orders.fd)
            self._stop("lifeline", 0.0, now, "The worker went away while the tool ran.")

    def _take_signals(self, now: float) -> None:
        if any(number != signal.SIGCHLD for number in os.read(self._wakeup, 4096)):
            self._signals += 1
            self._stop("cancel", self._spec["grace_s"] if self._signals == 1 else 0.0, now)

    def _watch(self, now: float) -> None:
        """What ends a run without being asked."""
        grace_s = self._spec["grace_s"]
        if self._output.error:
            self._stop("log_error", grace_s, now, self._output.error)
        if self._timers.watchdog_expired():
            self._stop("deadman", 0.0, now, "The worker did not extend the run in time.")
        if self._reaper.main_ended:
            self._stop(SELF_ENDED, min(LEFTOVER_GRACE_S, grace_s), now)
        elif not self._cause and (expired := self._timers.expired(now)):
            self._stop(expired[0], grace_s, now, expired[1])
        if self._pidfile is not None and not self._cause:
            self._pidfile.refresh(now)

    def _stop(self, cause: str, grace_s: float, now: float, error: str = "") -> None:
        """The first cause is the one that is told, but a log that was lost is told rather than a good end."""
        if not self._cause or (cause == "log_error" and self._cause == SELF_ENDED):
            self._cause, self._error = cause, error
        if cause != SELF_ENDED or self._cause == SELF_ENDED:  # an end within a stop's grace leaves that grace to others
            self._stopper.begin(cause, grace_s, now)

    def _tell_progress(self, now: float) -> None:
        if self._told != self._log.seen and now - self._told_at >= PROGRESS_INTERVAL_S:
            self._told, self._told_at = self._log.seen, now
            at = self._output.last_at
            self._events.tell("progress", bytes=self._log.size, lines=self._log.lines, last_output_at=at)

    def _abort(self, cause: str, error: str) -> None:
        if not self._cause or self._cause == SELF_ENDED:
            self._cause, self._error = cause, error
        self._stopper.begin(cause, 0.0, time.monotonic())
        while not self._stopper.done:
            time.sleep(self._stopper.step(time.monotonic()))

    def _end(self) -> None:
        try:
            self._output.finish(time.monotonic())
            self._log.close()
        except Exception as error:  # the ending must be told whatever became of the log
            self._output.error = self._output.error or str(error)
        if self._output.error and self._cause == SELF_ENDED:
            self._cause, self._error = "log_error", self._output.error
        stop, log = self._stopper, self._log
        if stop.group is not None:
            stop.group.remove()
        told = exit_report.facts(self._spec, self._cause, self._error, self._started_at, self._started)
        told.update(exit_code=self._reaper.exit_code, signal=self._reaper.signal)
        told.update(killed=stop.killed, survivors=stop.survivors, stop_s=stop.took_s)
        told.update(log_bytes=log.size, log_lines=log.lines, log_skipped_bytes=log.skipped)
        told["first_error_line"] = log.first_error_line
        exit_report.publish(told, self._record, self._events)


def _seconds(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and value >= 0 else default
