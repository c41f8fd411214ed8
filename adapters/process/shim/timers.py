"""Time limits of one run. Nothing here reads a clock that can be set."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The watchdog's clock continues while the machine sleeps, as the lease does that it protects.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Timers:
    """Wall clock and idle limit on the monotonic clock, watchdog on the one that counts sleep."""

    def __init__(self, spec: "dict[str, Any]", now: float) -> None:
        self._timeout_s, self._idle_s = spec.get("timeout_s"), spec.get("idle_timeout_s")
        self._started = self._output_at = now
        self._watchdog_at: float | None = None
        if spec.get("dead_man_s") is not None:
            self.extend(spec["dead_man_s"])

    def extend(self, seconds: float) -> None:
        """Move the watchdog's deadline; also sets one for a run that started without."""
        self._watchdog_at = time.clock_gettime(_CLOCK) + seconds

    def output_came(self, now: float) -> None:
        self._output_at = now

    def watchdog_expired(self) -> bool:
        return self._watchdog_at is not None and time.clock_gettime(_CLOCK) >= self._watchdog_at

    def expired(self, now: float) -> tuple[str, str] | None:
        """The cause and its sentence, if a limit is reached."""
        if self._timeout_s is not None and now - self._started >= self._timeout_s:
            return "timeout", f"The tool ran longer than its limit of {self._timeout_s:g} s."
        if self._idle_s is not None and now - self._output_at >= self._idle_s:
            return "idle", f"The tool wrote nothing for {self._idle_s:g} s."
        return None

    def next_in(self, now: float) -> float:
        """Seconds to the next limit; never long, because a sleeping machine stops the poll's own clock."""
        waits = [1.0]
        if self._timeout_s is not None:
            waits.append(self._started + self._timeout_s - now)
        if self._idle_s is not None:
            waits.append(self._output_at + self._idle_s - now)
        if self._watchdog_at is not None:
            waits.append(self._watchdog_at - time.clock_gettime(_CLOCK))
        return max(0.0, min(waits))
