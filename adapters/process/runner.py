"""Shim: the handle of one attempt for a caller that runs one at a time; and `run_process`, which waits for its end."""

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from adapters.process import keepers
from adapters.process.client import Event, Keeper, Running, ShimError
from adapters.process.keeper import attempt_files
from adapters.process.spec import Ending, Spec
from adapters.process.sweep import read_ending
from adapters.process.waiting import readable

__all__ = ["Shim", "ShimError", "read_ending", "run_process"]

SEND_TIMEOUT_S = 10.0
# The keeper itself ends a tree within its kill timeout after it was told to; then it is considered frozen.
END_TIMEOUT_S = 8.0


class Shim:
    """A keeper for one attempt. It serves this handle alone, from `start` to `close`, and then the next one."""

    def __init__(self) -> None:
        self._taken: Keeper | None = None
        self._running: Running | None = None
        self._closed = False

    @classmethod
    def spawn(cls) -> "Shim":
        """A handle; sees to it that this process has a keeper, which costs no CPU until `start`. Raises ShimError."""
        keepers.prepare()
        return cls()

    @property
    def _keeper(self) -> Keeper:
        if self._taken is None:
            if self._closed:
                raise ShimError("This handle is closed.")
            self._taken = keepers.take()
        return self._taken

    @property
    def pid(self) -> int:
        """Of the keeper."""
        return self._keeper.pid

    @property
    def ending(self) -> Ending | None:
        return self._running.ending if self._running else None

    @property
    def alive(self) -> bool:
        """The keeper runs (with or without a tool)."""
        if self._closed:
            return False
        if self._taken is not None and self._running is None:
            self._taken.poll()
        return self._taken is None or not self._taken.gone

    def start(self, spec: Spec) -> None:
        """Hand over the run. Returns at once; `started` or `exit` follows through `read`."""
        if self._running is not None:
            raise ShimError("This shim has its run already; a shim runs once.")
        running = self._keeper.start(spec)
        if not self._keeper.flush(SEND_TIMEOUT_S):
            self._keeper.reap(0.0)
            raise ShimError("The keeper takes no orders: it died, or it is stopped.")
        self._running = running

    def fileno(self) -> int:
        """Readable when `read` has something; -1 when the keeper is gone."""
        return -1 if self._taken is None else self._taken.fileno()

    def read(self) -> list[dict[str, Any]]:
        """All events that are there now, without waiting: started, progress, exit."""
        return [] if self._taken is None else self._mine(self._taken.poll())

    def _mine(self, events: list[Event]) -> list[dict[str, Any]]:
        if any(event.kind == "exit" for event in events) and self._running is not None:
            with suppress(OSError):  # a disk that is full or gone: the ending says so itself
                attempt_files.sync(self._running.attempt_dir)  # before anybody acts on it
        return [{"event": event.kind, **event.content} for event in events]

    def extend(self, seconds: float) -> bool:
        """Move the watchdog's deadline to `seconds` from now; False if the keeper is gone."""
        return self._running is not None and self._keeper.heartbeat(seconds, self._running)

    def cancel(self, grace_s: float | None = None) -> bool:
        """TERM, grace (None: that of the spec), KILL, sweep; False if the keeper is gone."""
        return self._running is not None and self._keeper.stop(self._running, grace_s)

    def kill(self) -> None:
        """Give the run up: its tree is killed at once. Returns without waiting."""
        if self._taken is None:
            self._closed = True
        elif self._running is None:
            self.close()
        elif self.ending is None and self._taken.fileno() >= 0:
            self._taken.stop(self._running, 0.0, cause="lifeline")

    def wait(self, timeout: float | None = None) -> Ending | None:
        """The ending, or None if the run is still alive after `timeout` seconds.

        If the keeper died, its processes are ended; the ending is the recorded one, or `lifeline`.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._running is not None and self.ending is None:
            left = 1.0 if until is None else until - time.monotonic()
            self._mine(self._keeper.wait(max(0.0, min(1.0, left))))
            if self._keeper.gone and self.ending is None:
                self._keeper.reap(END_TIMEOUT_S)
            elif self.ending is None and left <= 0:
                return None
        return self.ending

    def close(self) -> None:
        """End whatever still runs, in bounded time, and give the keeper back."""
        if self._closed:
            return
        keeper = self._taken
        if keeper is not None and self._running is not None and self.ending is None:
            self.kill()
            if self.wait(END_TIMEOUT_S) is None:
                keeper.reap(0.0)
        self._closed = True
        if keeper is not None:
            self._taken = None
            keeper.close() if self._running is None else keepers.give_back(keeper)

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
