"""Client of a keeper: starts attempts, receives their events, and ends a keeper that no longer answers. No Django.

One process may have several keepers. A keeper that dies takes its attempts with it, and one that waits for a dead
disk stops all of them, so a runner spreads its attempts: by repository, and 50 to a keeper (`KeeperPool`).
"""

import os
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from adapters.process import guard_process
from adapters.process.channel import Channel
from adapters.process.guard_process import ChildGuard, OtherGuard
from adapters.process.keeper import tree
from adapters.process.lost import collect_zombie, ending_of_lost
from adapters.process.silence import PING_INTERVAL_S, Silence
from adapters.process.spec import Ending, Spec

IDENTITIES = ("shim_pid", "shim_starttime", "guard_pid", "guard_starttime")
MAX_SILENCE_S = 5.0  # of a keeper that was asked for a pong
KILL_TIMEOUT_S = 3.0  # for the socket to close after SIGKILL; then the keeper hangs in the kernel
END_TIMEOUT_S = 8.0  # for the guard to end what the keeper left


class ShimError(RuntimeError):
    """The keeper could not be started or takes no orders; nothing of the run is alive."""


@dataclass(eq=False)
class Running:
    """One attempt in a keeper, from `start` to its ending."""

    number: int
    attempt_dir: str
    marker: str = field(repr=False)
    ending: Ending | None = None


@dataclass(frozen=True)
class Event:
    """What a keeper reports about one attempt: `kind` is started, progress or exit."""

    running: Running
    kind: str
    content: dict[str, Any]


class Keeper:
    """One keeper process with its guard. For one thread at a time; `fileno` is readable when `poll` has something."""

    def __init__(self, guard: ChildGuard | OtherGuard, channel: Channel) -> None:
        self._guard, self._channel = guard, channel
        self._silence = Silence()
        self._numbers = 0
        self._killed_at: float | None = None
        self.identities: dict[str, int] = {}  # shim_pid, shim_starttime, guard_pid, guard_starttime; empty until ready
        self.running: dict[int, Running] = {}
        self.gone = False  # the socket has ended; what still ran has to be reaped
        self.holds = False  # it goes on without a runner, and waits for the next one

    @classmethod
    def spawn(cls) -> "Keeper":
        """Start an idle keeper. It costs 8 MB and no CPU. Raises ShimError."""
        try:
            guard, control = guard_process.start()
        except OSError as error:
            raise ShimError(f"No keeper could be started: {error}.") from error
        return cls(guard, Channel(control))

    @classmethod
    def adopted(
        cls, guard: OtherGuard, channel: Channel, identities: dict[str, int], running: list[Running]
    ) -> "Keeper":
        """A keeper that another process has started, with what it runs."""
        keeper = cls(guard, channel)
        keeper.identities = identities
        keeper.running = {one.number: one for one in running}
        keeper._numbers = max(keeper.running, default=0)
        return keeper

    def fileno(self) -> int:
        """-1 once the keeper is gone."""
        return -1 if self.gone else self._channel.fileno()

    def start(self, spec: Spec) -> Running:
        """Hand over an attempt; returns at once. Raises ShimError if the keeper is gone, with nothing started."""
        self._numbers += 1
        running = Running(self._numbers, str(spec.attempt_dir), spec.marker)
        if not self._send({"op": "start", "id": running.number, "spec": spec.to_wire()}):
            raise ShimError("The keeper takes no orders: it died, or it is stopped.")
        self.running[running.number] = running
        return running

    def stop(self, running: Running, grace_s: float | None = None, *, cause: str = "cancel") -> bool:
        """TERM, grace (None: that of the spec), KILL, for this attempt only; False if the keeper is gone.

        `cause` is what the ending reports: "cancel", or "lifeline" for an attempt that is given up.
        """
        return self._send({"op": "stop", "id": running.number, "grace": grace_s, "cause": cause})

    def heartbeat(self, seconds: float, running: Running | None = None) -> bool:
        """Set the watchdog of one attempt, or of all that have one, to `seconds` from now; False if it is gone."""
        return self._send({"op": "heartbeat", "s": seconds, "id": running.number if running else None})

    def release(self) -> bool:
        """Let the keeper finish its attempts, take no others, and exit."""
        return self._send({"op": "release"})

    def hold(self, seconds: float, path: str, secret: str) -> bool:
        """Go on for some seconds after the end of this process, and obey who says `secret` at `path`; `holds` follows."""
        return self._send({"op": "hold", "s": seconds, "path": path, "secret": secret})

    def leave(self) -> None:
        """Close the socket of a keeper that holds, without waiting for it."""
        self.forget()

    def poll(self) -> list[Event]:
        """All events that are there, without waiting. Also kills a keeper that is silent for too long.

        Call it every second or two while attempts run: the silence counts from call to call.
        """
        events = [event for message in self._channel.receive() if (event := self._understand(message))]
        self.gone = self.gone or self._channel.ended
        self._watch_silence()
        return events

    def _understand(self, message: dict[str, Any]) -> Event | None:
        self._silence.over()
        kind = message["event"]
        if kind == "ready":
            self.identities = {name: int(message[name]) for name in IDENTITIES}
        elif kind == "holding":
            self.holds = True
        running = self.running.get(message.pop("id", 0))
        if running is None:
            return None
        if kind == "exit":
            running.ending = Ending.from_dict(message)
            del self.running[running.number]
        return Event(running, kind, message)

    def _watch_silence(self) -> None:
        if self.gone or not self.running or not self.identities:
            return
        if self._killed_at is not None:
            self.gone = time.monotonic() - self._killed_at > KILL_TIMEOUT_S
        elif self._silence.lasts(MAX_SILENCE_S):
            self.kill()
        elif self._silence.ask():
            self._send({"op": "heartbeat"})

    def _send(self, order: dict[str, Any]) -> bool:
        return not self.gone and self._channel.send(order)

    def flush(self, timeout_s: float) -> bool:
        """Send all queued orders; False if the keeper did not take them in time."""
        return self._channel.flush(timeout_s)

    def wait(self, seconds: float) -> list[Event]:
        """Events, as soon as there are any; an empty list after `seconds`, or when the keeper is gone."""
        until = time.monotonic() + seconds
        while True:
            events = self.poll()
            left = until - time.monotonic()
            if events or self.gone or left <= 0:
                return events
            self._channel.wait(min(left, PING_INTERVAL_S))

    def wait_until_ready(self, seconds: float = END_TIMEOUT_S) -> bool:
        until = time.monotonic() + seconds
        while not self.identities and not self.gone and time.monotonic() < until:
            self.wait(0.2)
        return bool(self.identities)

    @property
    def pid(self) -> int:
        """Of the keeper itself; 0 if it does not come up."""
        self.wait_until_ready()
        return self.identities.get("shim_pid", 0)

    @property
    def guard_pid(self) -> int:
        return self._guard.pid

    def kill(self) -> None:
        """SIGKILL to the keeper; its guard then ends what it held. Returns without waiting."""
        self._killed_at = self._killed_at or time.monotonic()
        if not self.identities:
            self._guard.kill()
        elif not tree.HAS_PROC:
            os.kill(self.identities["shim_pid"], signal.SIGKILL)
        else:
            tree.send(self.identities["shim_pid"], self.identities["shim_starttime"], signal.SIGKILL)

    def reap(self, timeout_s: float = END_TIMEOUT_S) -> list[Running]:
        """End a keeper that is gone or frozen, with all it held; returns the attempts that it did not report.

        Their endings are the recorded ones, or `lifeline`. Takes `timeout_s` and the time of a sweep at most.
        """
        self._guard.ended(timeout_s if self.gone else 0.0)
        self.kill()
        self._guard.ended(timeout_s)  # the guard ends when nothing is left below it
        code = self._guard.end()
        self.gone = True
        self._channel.close()
        lost = list(self.running.values())
        self.running.clear()
        self._wait_for_death()
        for running in lost:
            running.ending = ending_of_lost(running.attempt_dir, running.marker, code)
        return lost

    def _wait_for_death(self) -> None:
        """The socket ends a moment before the process does."""
        pid, starttime = self.identities.get("shim_pid", 0), self.identities.get("shim_starttime", 0)
        until = time.monotonic() + KILL_TIMEOUT_S
        while starttime and tree.alive(pid, starttime) and time.monotonic() < until:
            time.sleep(0.001)
        collect_zombie(pid)

    def close(self, timeout_s: float = END_TIMEOUT_S) -> None:
        """End whatever still runs, in bounded time, and the keeper."""
        if self._channel.fileno() >= 0 and not self.gone:
            if self.running:
                self._channel.hang_up()
                until = time.monotonic() + timeout_s
                while not self.gone and time.monotonic() < until:
                    self.wait(until - time.monotonic())
            else:
                self._channel.close()
                self.gone = True
        self.reap(timeout_s)

    def forget(self) -> None:
        """For a forked child: its copy of the socket must not keep the keeper waiting for a dead runner."""
        self._channel.close()
        self.gone = True
        self._guard.forget()
