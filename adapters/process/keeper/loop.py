"""Event loop of a keeper: one thread, one poll, any number of attempts."""

import heapq
import os
import select
import signal
from collections import deque

from . import clock, exit_report, reaper, tree
from .attempt import Attempt, Shared
from .guard import GUARD_DIED
from .log.sink import LogError
from .poller import Poller
from .protocol import VERSION, Control
from .runner_link import RunnerLink
from .spawn_error import SpawnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ASKED_TO_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
FORSAKEN_GRACE_S = 1.0  # without runner or guard: time for a `git commit` to remove its lock, no more
MAX_WAIT_S = 1.0  # with a deadline ahead: a poll does not count the time that the machine sleeps
MAX_STARTS_PER_TURN = 8
EXIT_EVENT_TIMEOUT_S = 2.0  # for a runner that is slow to read; the record on disk does not depend on it


class Loop:
    """Runs until it has no attempts and no more can come: the runner is gone, or it asked the keeper to go."""

    def __init__(self, control: Control, wakeup: int, guard: int) -> None:
        self._control, self._wakeup, self._guard = control, wakeup, guard
        self._poller = Poller()
        self._link = RunnerLink(control, self._poller)
        self._poller.register(wakeup, select.POLLIN)
        self._attempts: dict[int, Attempt] = {}
        self._orders: deque[dict[str, Any]] = deque()
        self._due: list[tuple[float, int]] = []  # a heap; an attempt is in it once at most for its nearest time
        self._unread: set[Attempt] = set()
        self._touched: set[Attempt] = set()
        self._leaving = False
        self._signals = 0
        me = os.getpid()
        identities = {
            "shim_pid": me,
            "shim_starttime": tree.starttime_of(me),
            "guard_pid": guard,
            "guard_starttime": tree.starttime_of(guard),
        }
        self._shared = Shared(control, self._poller, identities)
        self._introduce()
        control.push()

    def _introduce(self) -> None:
        """Tell the runner who we are and what runs here."""
        attempts = [attempt.described() for attempt in self._attempts.values()]
        self._control.tell("ready", version=VERSION, attempts=attempts, **self._shared.identities)

    def run(self) -> None:
        while self._attempts or not self._leaving:
            self._turn()
        self._control.finish(EXIT_EVENT_TIMEOUT_S)

    def _turn(self) -> None:
        ready = self._poller.wait(self._wait_s())
        now = clock.now()
        self._shared.ownership.new_turn()
        for fd, owner in ready:
            self._handle(fd, owner, now)
        self._take_orders(now)
        if not ready:
            self._use_pause()
        now = clock.now()
        self._take_due(now)
        touched, self._touched = self._touched, set()
        for attempt in touched:
            self._advance(attempt, now)
        self._control.push()
        self._link.watch()

    def _wait_s(self) -> float | None:
        if self._unread or self._touched or self._orders:
            return 0.0
        until = min(self._due[0][0] if self._due else float("inf"), self._link.until)
        return None if until == float("inf") else min(MAX_WAIT_S, max(0.0, until - clock.now()))

    def _handle(self, fd: int, owner: int | None, now: float) -> None:
        attempt = None if owner is None else self._attempts.get(owner)
        if attempt is not None:
            try:
                attempt.handle(fd, now)
            except Exception as error:
                attempt.fail(error, now)
            self._touched.add(attempt)
            if attempt.unread:
                self._unread.add(attempt)
        elif fd == self._wakeup:
            self._take_signals(now)
        elif fd == self._control.fd and not self._control.ended:
            self._read_orders(now)
        elif self._link.take_call(fd):
            self._orders.clear()
            self._introduce()

    def _use_pause(self) -> None:
        """No file is ready: scan one attempt's output for error lines."""
        if self._unread:
            attempt = self._unread.pop()
            attempt.use_pause()
            self._touched.add(attempt)
            if attempt.unread:
                self._unread.add(attempt)

    def _take_due(self, now: float) -> None:
        if self._link.expired(now):
            self._forsaken("No new runner came after the restart.", now)
        while self._due and self._due[0][0] <= now:
            _, number = heapq.heappop(self._due)
            if attempt := self._attempts.get(number):
                attempt.due = float("inf")
                self._touched.add(attempt)

    def _advance(self, attempt: Attempt, now: float) -> None:
        try:
            wait_s = attempt.advance(now)
        except Exception as error:
            attempt.fail(error, now)
            wait_s = 0.0
        if attempt.done:
            self._attempts.pop(attempt.number, None)
            self._unread.discard(attempt)
            self._end_nobodys()
        elif wait_s is not None and now + wait_s < attempt.due:
            attempt.due = now + wait_s
            heapq.heappush(self._due, (attempt.due, attempt.number))

    def _end_nobodys(self) -> None:
        """Orphans that hid, and whose attempt can be none of those that run."""
        for proc in self._shared.ownership.nobodys:
            tree.send(proc.pid, proc.starttime, signal.SIGKILL)

    def _read_orders(self, now: float) -> None:
        self._orders.extend(self._control.read())
        if self._control.ended:
            self._orders.clear()
            if self._link.lost():
                self._forsaken("The runner went away while the tool ran.", now)

    def _take_orders(self, now: float) -> None:
        """Few starts a turn: each takes a millisecond, and endings and output must not wait for a hundred."""
        starts = 0
        while self._orders and starts < MAX_STARTS_PER_TURN:
            order = self._orders.popleft()
            starts += order.get("op") == "start"
            self._obey(order, now)

    def _obey(self, order: "dict[str, Any]", now: float) -> None:
        kind, number = order.get("op"), order.get("id")
        attempt = self._attempts.get(number) if isinstance(number, int) else None
        if kind == "start" and isinstance(number, int) and isinstance(order.get("spec"), dict):
            self._start(number, order["spec"])
        elif kind == "stop" and attempt is not None:
            cause = "lifeline" if order.get("cause") == "lifeline" else "cancel"
            attempt.stop(cause, _seconds(order.get("grace")), now, _LIFELINE if cause == "lifeline" else "")
            self._touched.add(attempt)
        elif kind == "heartbeat":
            self._heartbeat(_seconds(order.get("s")), number, now)
        elif kind == "release":
            self._leaving = True
        elif kind == "hold":
            self._link.begin_hold(order, now)

    def _start(self, number: int, spec: "dict[str, Any]") -> None:
        if number in self._attempts:
            return
        if self._leaving:
            exit_report.refuse(number, spec, "spawn_error", "The keeper is ending and starts no more.", self._control)
            return
        try:
            attempt = Attempt(number, spec, self._shared)
        except SpawnError as error:
            exit_report.refuse(number, spec, "spawn_error", str(error), self._control)
        except LogError as error:
            exit_report.refuse(number, spec, "log_error", str(error), self._control)
        except Exception as error:
            sentence = f"The keeper does not understand this run: {type(error).__name__}: {error}."
            exit_report.refuse(number, spec, "spawn_error", sentence, self._control)
        else:
            self._attempts[number] = attempt
            self._touched.add(attempt)

    def _heartbeat(self, seconds: float | None, number: object, now: float) -> None:
        if seconds:
            chosen = [a for a in self._attempts.values() if number is None or a.number == number]
            for attempt in chosen:
                attempt.heartbeat(seconds, now, only_if_watched=number is None)
                self._touched.add(attempt)  # its nearest time changed
        self._control.tell("pong")

    def _take_signals(self, now: float) -> None:
        numbers = os.read(self._wakeup, 4096)
        if signal.SIGCHLD in numbers:
            self._reap()
        if GUARD_DIED in numbers and os.getppid() != self._guard:
            self._forsaken("The guard of the keeper died while the tool ran.", now)
        if any(number in ASKED_TO_STOP for number in numbers):
            self._signals += 1
            self._leaving = True
            for attempt in self._attempts.values():
                attempt.stop("cancel", None if self._signals == 1 else 0.0, now)
                self._touched.add(attempt)

    def _reap(self) -> None:
        """Exits are counted before anything looks at the children: a dead child is reaped, not looked at."""
        exits = {exit_.pid: exit_ for exit_ in reaper.collect()}
        self._shared.ownership.new_turn()  # no ending may be proved by a look from before its exit
        for attempt in self._attempts.values():
            if attempt.claim.running and (exit_ := exits.get(attempt.claim.pid)):
                attempt.tool_ended(exit_)
                self._touched.add(attempt)
            elif attempt.stopping:
                self._touched.add(attempt)

    def _forsaken(self, error: str, now: float) -> None:
        self._leaving = True
        for attempt in self._attempts.values():
            attempt.lose_runner(FORSAKEN_GRACE_S, now, error)
            self._touched.add(attempt)


_LIFELINE = "The runner gave the attempt up while the tool ran."


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value >= 0 else None
