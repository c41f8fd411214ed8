"""Hardening of django-q2 against a SIGKILL at any moment: queue locks that the kernel releases, and no orphans."""

import ctypes
import fcntl
import multiprocessing
import multiprocessing.queues
import os
import signal
import sys
import tempfile
from typing import Any

from django_q.cluster import Sentinel

PR_SET_PDEATHSIG = 1


class KernelLock:
    """A lock between processes that its holder's death releases, unlike a POSIX semaphore. Not for threads."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the queue

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX if block and timeout is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


class RobustQueue(multiprocessing.queues.Queue):  # type: ignore[type-arg]
    """The pool's queue. Killing the worker that waits in `get` no longer stops all others (django-q2 #23)."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize, ctx=multiprocessing.get_context("fork"))
        self._rlock = KernelLock()
        self._wlock = KernelLock()


class RobustSentinel(Sentinel):  # type: ignore[misc]
    """A sentinel that a signal to the whole process group does not take away from its workers."""

    def start(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        super().start()


def bind_to_parent() -> None:
    """In a child: die when the parent does. Linux only; elsewhere a no-op."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def die_with_parent() -> None:
    """Bind every process that is forked from now on to its parent: main dead means all dead."""
    known: dict[str, int] = {}

    def remember() -> None:
        known["parent"] = os.getpid()

    def bind() -> None:
        bind_to_parent()
        if os.getppid() != known["parent"]:
            os._exit(1)  # it died before the bond was made

    os.register_at_fork(before=remember, after_in_child=bind)


def fork_process(target: Any, *args: Any) -> Any:
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process
