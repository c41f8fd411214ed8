"""The worker's side of a shim: spawn it early, give it one run, watch it, stop it."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from adapters.process.spec import Ending, Spec


class ShimError(RuntimeError):
    """The shim could not be started or does not take orders; nothing of the run is alive."""


class Shim:
    """One idle or running shim process. A shim runs one spec and ends with it."""

    ending: Ending | None = None

    @classmethod
    def spawn(cls) -> "Shim":
        """Start an idle shim; it costs some 10 MB and no CPU until `start`."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """The shim process runs (with or without a tool)."""
        raise NotImplementedError

    def start(self, spec: Spec) -> None:
        """Hand over the run. Returns at once; `started` or `exit` follows through `read`."""
        raise NotImplementedError

    def fileno(self) -> int:
        """Readable when `read` has something, or at the shim's end."""
        raise NotImplementedError

    def read(self) -> list[dict[str, Any]]:
        """All events that are there now, without waiting: started, progress, exit."""
        raise NotImplementedError

    def extend(self, seconds: float) -> bool:
        """Push the dead-man's deadline to `seconds` from now; False if the shim is gone."""
        raise NotImplementedError

    def cancel(self, grace_s: float | None = None) -> bool:
        """TERM, grace, KILL, sweep; False if the shim is gone."""
        raise NotImplementedError

    def kill(self) -> None:
        """Cut the life line: the tree is killed at once. Returns without waiting."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> Ending | None:
        """The ending, or None if the run is still alive after `timeout` seconds."""
        raise NotImplementedError

    def close(self) -> None:
        """End whatever still runs, in bounded time, and free the pipes."""
        raise NotImplementedError

    def __enter__(self) -> "Shim":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def run_process(
    spec: Spec, on_progress: Callable[[dict[str, Any]], None] | None = None, shim: Shim | None = None
) -> Ending:
    """Run `spec` and wait for its end; Ctrl-C cancels it with its grace and is raised again afterwards."""
    raise NotImplementedError
