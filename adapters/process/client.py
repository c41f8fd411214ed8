"""Client of a keeper: starts attempts, receives their events, and ends a keeper that no longer answers. No Django.

One process may have several keepers. A keeper that dies takes its attempts with it, and one that waits for a dead
disk stops all of them, so a runner spreads its attempts: by repository, and 50 to a keeper (`KeeperPool`).
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.process.keeper import tree
from adapters.process.lost import collect_zombie, ending_of_lost
from adapters.process.silence import PING_INTERVAL_S, Silence
from adapters.process.spec import MARKER_NAME, Ending, Spec
from adapters.process.waiting import end, ended, writable

ENTRY = Path(__file__).with_name("keeper_entry.py")
MAX_SILENCE_S = 5.0  # of a keeper that was asked for a pong
KILL_TIMEOUT_S = 3.0  # for the socket to close after SIGKILL; then the keeper hangs in the kernel
END_TIMEOUT_S = 8.0  # for the guard to end what the keeper left
# What a bare interpreter needs, and the marker of an outer attempt, so that a run inside a run is swept with it.
KEEPER_ENV = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", MARKER_NAME)


class ShimError(RuntimeError):
    """The keeper could not be started or takes no orders; nothing of the run is alive."""


@dataclass(eq=False)
class Running:
    """One attempt in a keeper, from `start` to its ending."""

    number: int
    spec: Spec = field(repr=False)
    ending: Ending | None = None


@dataclass(frozen=True)
class Event:
    """What a keeper reports about one attempt: `kind` is started, progress or exit."""

    running: Running
    kind: str
    content: dict[str, Any]


class Keeper:
    """One keeper process with its guard. For one thread at a time; `fileno` is readable when `poll` has something."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
        self._process, self._control = process, control
        self._rest, self._unsent = b"", bytearray()
        self._silence = Silence()
        self._numbers = 0
        self._killed_at: float | None = None
        self.identities: dict[str, int] = {}  # shim_pid, shim_starttime, guard_pid, guard_starttime; empty until ready
        self.running: dict[int, Running] = {}
        self.gone = False  # the socket has ended; what still ran has to be reaped

    @classmethod
    def spawn(cls) -> "Keeper":
        """Start an idle keeper. It costs 8 MB and no CPU. Raises ShimError."""
        env = {name: os.environ[name] for name in KEEPER_ENV if name in os.environ}
        python = getattr(sys, "_base_executable", "") or sys.executable
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    [python, "-I", "-S", "-X", "utf8", str(ENTRY)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env=env,
                    cwd="/",
                    start_new_session=True,  # Ctrl-C in a terminal is for the worker, which knows what to do
                )
            except OSError as error:
                ours.close()
                raise ShimError(f"No keeper could be started: {error}.") from error
        ours.setblocking(False)
        return cls(process, ours)

    def fileno(self) -> int:
        """-1 once the keeper is gone."""
        return -1 if self.gone else self._control.fileno()

    def start(self, spec: Spec) -> Running:
        """Hand over an attempt; returns at once. Raises ShimError if the keeper is gone, with nothing started."""
        self._numbers += 1
        running = Running(self._numbers, spec)
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

    def poll(self) -> list[Event]:
        """All events that are there, without waiting. Also kills a keeper that is silent for too long.

        Call it every second or two while attempts run: the silence counts from call to call.
        """
        events = [event for line in self._receive() if (event := self._understand(json.loads(line)))]
        self._watch_silence()
        return events

    def _understand(self, message: dict[str, Any]) -> Event | None:
        self._silence.over()
        kind = message["event"]
        if kind == "ready":
            self.identities = {name: value for name, value in message.items() if name != "event"}
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

    def _receive(self) -> list[bytes]:
        self._flush()
        while not self.gone:
            try:
                piece = self._control.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                piece = b""
            self.gone = not piece
            self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        return lines

    def _send(self, order: dict[str, Any]) -> bool:
        """Queue an order and send what the socket takes; the rest follows with the next call."""
        self._unsent += json.dumps(order).encode() + b"\n"
        return self._flush()

    def _flush(self) -> bool:
        """False if the keeper is gone."""
        while self._unsent and not self.gone:
            try:
                del self._unsent[: self._control.send(self._unsent[: 1 << 18])]
            except BlockingIOError:
                break
            except OSError:
                return False  # `gone` follows when what it sent before is read
        return not self.gone

    def flush(self, timeout_s: float) -> bool:
        """Send all queued orders; False if the keeper did not take them in time."""
        until = time.monotonic() + timeout_s
        while self._flush() and self._unsent:
            if not writable(self._control.fileno(), max(0.0, until - time.monotonic())):
                return False
        return not self._unsent

    def wait(self, seconds: float) -> list[Event]:
        """Events, as soon as there are any; an empty list after `seconds`, or when the keeper is gone."""
        until = time.monotonic() + seconds
        while True:
            events = self.poll()
            left = until - time.monotonic()
            if events or self.gone or left <= 0:
                return events
            poll = select.poll()
            poll.register(self._control.fileno(), select.POLLIN | (select.POLLOUT if self._unsent else 0))
            poll.poll(min(left, PING_INTERVAL_S) * 1000)

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
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL to the keeper; its guard then ends what it held. Returns without waiting."""
        self._killed_at = self._killed_at or time.monotonic()
        if not self.identities:
            self._process.kill()
        elif not tree.HAS_PROC:
            os.kill(self.identities["shim_pid"], signal.SIGKILL)
        else:
            tree.send(self.identities["shim_pid"], self.identities["shim_starttime"], signal.SIGKILL)

    def reap(self, timeout_s: float = END_TIMEOUT_S) -> list[Running]:
        """End a keeper that is gone or frozen, with all it held; returns the attempts that it did not report.

        Their endings are the recorded ones, or `lifeline`. Takes `timeout_s` and the time of a sweep at most.
        """
        ended(self._process, timeout_s if self.gone else 0.0)
        self.kill()
        ended(self._process, timeout_s)  # the guard ends when nothing is left below it
        code = end(self._process)
        self.gone = True
        self._control.close()
        lost = list(self.running.values())
        self.running.clear()
        self._wait_for_death()
        for running in lost:
            running.ending = ending_of_lost(running.spec, code)
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
        if self._control.fileno() >= 0 and not self.gone:
            if self.running:
                self._control.shutdown(socket.SHUT_WR)
                until = time.monotonic() + timeout_s
                while not self.gone and time.monotonic() < until:
                    self.wait(until - time.monotonic())
            else:
                self._control.close()
                self.gone = True
        self.reap(timeout_s)

    def forget(self) -> None:
        """For a forked child: its copy of the socket must not keep the keeper waiting for a dead runner."""
        self._control.close()
        self.gone = True
        self._process.returncode = 0  # not ours to wait for
