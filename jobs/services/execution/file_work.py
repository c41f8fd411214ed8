"""File work: what an attempt needs before its start and after its end, beside the thread that has the database.

A repository on a slow disk, or git with much to look at, delays its own attempt and no heartbeat.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from adapters import gitinfo
from jobs.services.execution.active import Active

THREADS = 4
MAX_INLINE_LOG_BYTES = 65_536  # a log that is read in less time than a thread takes to wake up

type Step = Callable[[], Any]
type Done = Callable[[Any], None]


class FileWork:
    """Runs steps in threads; `finish` calls their completions in the caller's thread. `fileno` wakes its `select`."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._finished: SimpleQueue[tuple[Done, Any]] = SimpleQueue()
        self._wake, self._wake_up = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_up, False)
        self.pending = 0

    def fileno(self) -> int:
        return self._wake

    def run(self, step: Step, done: Done) -> None:
        """`done` gets what `step` returns, or the exception that it raised, at the next `finish`."""
        self._threads = self._threads or ThreadPoolExecutor(THREADS, thread_name_prefix="engine-files")
        self.pending += 1
        self._threads.submit(self._in_thread, step, done)

    def _in_thread(self, step: Step, done: Done) -> None:
        self._finished.put((done, outcome_of(step)))
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._wake_up, b".")

    def finish(self) -> None:
        with suppress(BlockingIOError):  # nothing finished since the last time
            os.read(self._wake, 4096)
        while not self._finished.empty():
            done, result = self._finished.get()
            self.pending -= 1
            done(result)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        os.close(self._wake)
        os.close(self._wake_up)


def outcome_of(step: Step) -> Any:
    """What the step returns, or the exception that it raised: the caller decides what that means for the attempt."""
    try:
        return step()
    except Exception as fault:
        return fault


def is_quick(active: Active) -> bool:
    """Whether preparing or judging it takes less than handing it to a thread: no git, a short log."""
    small = active.ending is None or active.ending.log_bytes <= MAX_INLINE_LOG_BYTES
    repository = active.attempt.job.paths.get("working_dir") or active.attempt.job.repo_key
    return small and gitinfo.root_of(repository) is None
