"""Silence of a keeper: how long it did not answer, as its runner saw it."""

import time

PING_INTERVAL_S = 1.0


class Silence:
    """How long a keeper did not answer, counted only while somebody looked.

    A runner that was stopped for a minute, or a machine that slept, has waited for one interval, not for a minute.
    """

    def __init__(self) -> None:
        self._asked = False
        self._waited_s = 0.0
        self._at = time.monotonic()

    def over(self) -> None:
        self._asked, self._waited_s = False, 0.0

    def ask(self) -> bool:
        """True if it is time to ask for a sign of life."""
        due = not self._asked and time.monotonic() - self._at >= PING_INTERVAL_S
        if due:
            self._asked, self._at = True, time.monotonic()
        return due

    def lasts(self, seconds: float) -> bool:
        if not self._asked:
            return False
        now = time.monotonic()
        self._waited_s += min(now - self._at, PING_INTERVAL_S)
        self._at = now
        return self._waited_s > seconds
