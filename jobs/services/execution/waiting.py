"""Waiting: timers of a loop, and its sleep until a descriptor has input."""

import select
import time
from collections.abc import Iterable


class Timer:
    """Due once each `interval_s`, or as soon as it is told to expire."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._reset_at = time.monotonic()
        self._due_at = self._reset_at  # the first time at once

    @property
    def left_s(self) -> float:
        return max(0.0, self._due_at - time.monotonic())

    def due(self) -> bool:
        """Whether its time has come; then the next interval starts."""
        now = time.monotonic()
        if now < self._due_at:
            return False
        self._reset_at, self._due_at = now, now + self.interval_s
        return True

    def expire(self, min_interval_s: float = 0.0) -> None:
        """Be due now, or `min_interval_s` after the last time."""
        self._due_at = min(self._due_at, self._reset_at + min_interval_s) if min_interval_s else 0.0


def wait_for_input(descriptors: Iterable[int], timeout_s: float) -> None:
    poll = select.poll()
    for descriptor in descriptors:
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
    poll.poll(timeout_s * 1000)
