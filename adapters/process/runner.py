"""Client of a shim: spawn it early, give it one run, watch it, stop it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from adapters.process.spec import MARKER_NAME, Ending, Spec
from adapters.process.sweep import kill_attempt, read_ending, read_pids
from adapters.process.waiting import end, ended, how, readable, writable

ENTRY = Path(__file__).with_name("shim_entry.py")
SEND_TIMEOUT_S = 10.0
# The shim itself ends within its kill bound after its control pipe is closed; then it is considered frozen.
END_TIMEOUT_S = 8.0
# What a bare interpreter needs, and the marker of an outer attempt, so that a run inside a run is swept with it.
SHIM_ENV = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", MARKER_NAME)


class ShimError(RuntimeError):
    """The shim could not be started or does not take orders; nothing of the run is alive."""


class Shim:
    """One idle or running shim process. A shim runs one spec and ends with it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._orders, self._events = process.stdin, process.stdout
        self._rest = b""
        self._spec: Spec | None = None
        self.ending: Ending | None = None

    @classmethod
    def spawn(cls) -> "Shim":
        """Start an idle shim; it costs some 10 MB and no CPU until `start`."""
        env = {name: os.environ[name] for name in SHIM_ENV if name in os.environ}
        python = getattr(sys, "_base_executable", "") or sys.executable
        try:
            process = subprocess.Popen(
                [python, "-I", "-S", "-X", "utf8", str(ENTRY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=env,
                cwd="/",
                start_new_session=True,  # Ctrl-C in a terminal is for the worker, which knows what to do
            )
        except OSError as error:
            raise ShimError(f"No shim could be started: {error}.") from error
        assert process.stdin is not None and process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """The shim process runs (with or without a tool)."""
        return self._process.poll() is None

    def start(self, spec: Spec) -> None:
        """Hand over the run. Returns at once; `started` or `exit` follows through `read`."""
        if self._spec is not None:
            raise ShimError("This shim has its run already; a shim runs once.")
        self._spec = spec
        if not self._send({"op": "run", "spec": spec.to_wire()}, SEND_TIMEOUT_S):
            self.close()
            raise ShimError("The shim takes no orders: it died, or it is stopped.")

    def fileno(self) -> int:
        """Readable when `read` has something, or at the shim's end."""
        return self._events.fileno() if self._events and not self._events.closed else -1

    def read(self) -> list[dict[str, Any]]:
        """All events that are there now, without waiting: started, progress, exit."""
        events = []
        for line in self._lines():
            event = json.loads(line)
            if event.get("event") == "exit":
                self.ending = Ending.from_dict(event)
            if event.get("event") != "ready":
                events.append(event)
        return events

    def _lines(self) -> list[bytes]:
        if self._events is None or self._events.closed:
            return []
        while True:
            try:
                piece = os.read(self._events.fileno(), 1 << 16)
            except BlockingIOError:
                break
            if not piece:
                self._events.close()
                break
            self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        return lines

    def extend(self, seconds: float) -> bool:
        """Move the watchdog's deadline to `seconds` from now; False if the shim is gone or does not listen."""
        return self._send({"op": "extend", "s": seconds})

    def cancel(self, grace_s: float | None = None) -> bool:
        """TERM, grace (None: that of the spec), KILL, sweep; False if the shim is gone or does not listen."""
        return self._send({"op": "cancel", "grace": grace_s})

    def kill(self) -> None:
        """Close the control pipe: the tree is killed at once. Returns without waiting."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None

    def _send(self, order: dict[str, Any], bound_s: float = 0.0) -> bool:
        """Write a whole order or, if the shim does not take it in time, close the control pipe: half an order is useless."""
        if self._orders is None:
            return False
        left, until = memoryview(json.dumps(order).encode() + b"\n"), time.monotonic() + bound_s
        begun = False
        while left:
            try:
                left, begun = left[os.write(self._orders.fileno(), left[: 1 << 16]) :], True
            except BlockingIOError:
                if not writable(self._orders.fileno(), max(0.0, until - time.monotonic())):
                    if begun:
                        self.kill()
                    return False
            except OSError:
                return False
        return True

    def wait(self, timeout: float | None = None) -> Ending | None:
        """The ending, or None if the run is still alive after `timeout` seconds.

        If the shim died without an exit event, its processes are ended; the ending is the recorded one, or `lifeline`.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self.ending is None:
            self.read()
            if self._events is None or self._events.closed:
                self._reap(END_TIMEOUT_S)
            elif self.ending is None and not readable(self.fileno(), until):
                return None
        return self.ending

    def _reap(self, bound_s: float) -> None:
        """The shim died or froze without an exit event: end what is left, the shim first, and find the ending."""
        self.kill()
        ended(self._process, bound_s)
        if self._spec is None:
            end(self._process)
            self.ending = Ending(ended_by="lifeline", error="The shim ended before it had a run.")
            return
        recorded = read_ending(self._spec.attempt_dir)
        swept = kill_attempt(self._spec.attempt_dir, self._spec.marker)
        code = end(self._process)
        self.ending = recorded or Ending(
            ended_by="lifeline",
            error=f"The shim died ({how(code)}) and left {swept.killed} processes, which were killed.",
            started_at=float(read_pids(self._spec.attempt_dir).get("started_at", 0.0)),
            ended_at=time.time(),
            killed=swept.killed,
            survivors=swept.survivors,
            stop_s=swept.seconds,
        )

    def close(self) -> None:
        """End whatever still runs, in bounded time, and free the pipes."""
        self.kill()
        if self._spec is not None and self.wait(END_TIMEOUT_S) is None:
            self._reap(0.0)
        ended(self._process, 1.0)
        end(self._process)
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> "Shim":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def run_process(
    spec: Spec, on_progress: Callable[[dict[str, Any]], None] | None = None, shim: Shim | None = None
) -> Ending:
    """Run `spec` and wait for its end; Ctrl-C cancels it with its grace and is raised again afterwards."""
    with shim or Shim.spawn() as running:
        running.start(spec)
        interrupted: KeyboardInterrupt | None = None
        while running.ending is None:
            try:
                _watch(running, spec, on_progress)
            except KeyboardInterrupt as ctrl_c:
                # The first asks the tool to end, the second does not ask.
                running.kill() if interrupted else running.cancel()
                interrupted = ctrl_c
        if interrupted:
            raise interrupted
        return running.ending


def _watch(running: Shim, spec: Spec, on_progress: Callable[[dict[str, Any]], None] | None) -> None:
    pause = 1.0 if spec.dead_man_s is None else min(1.0, spec.dead_man_s / 4)
    extended = time.monotonic()
    while running.ending is None:
        if readable(running.fileno(), time.monotonic() + pause):
            for event in running.read():
                if on_progress is not None:
                    on_progress(event)
        if running.fileno() < 0:
            running.wait()
        if spec.dead_man_s is not None and time.monotonic() - extended >= pause:
            running.extend(spec.dead_man_s)
            extended = time.monotonic()
