"""Time limits of one attempt. Nothing here reads a clock that can be set."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Timers:
    """Run time, silence and watchdog. Every `now` is a time of `clock.now`."""

    def __init__(self, spec: "dict[str, Any]", now: float) -> None:
        self._timeout_s, self._idle_s = spec.get("timeout_s"), spec.get("idle_timeout_s")
        self._started = self._output_at = now
        self._watchdog_at: float | None = None
        if spec.get("dead_man_s") is not None:
            self.extend(spec["dead_man_s"], now)

    @property
    def has_watchdog(self) -> bool:
        return self._watchdog_at is not None

    def extend(self, seconds: float, now: float) -> None:
        """Move the watchdog's deadline; also sets one for an attempt that started without."""
        self._watchdog_at = now + seconds

    def output_came(self, now: float) -> None:
        self._output_at = now

    def watchdog_expired(self, now: float) -> bool:
        return self._watchdog_at is not None and now >= self._watchdog_at

    def expired(self, now: float) -> tuple[str, str] | None:
        """The cause and its sentence, if a limit is reached."""
        if self._timeout_s is not None and now - self._started >= self._timeout_s:
            return "timeout", f"The tool ran longer than its limit of {self._timeout_s:g} s."
        if self._idle_s is not None and now - self._output_at >= self._idle_s:
            return "idle", f"The tool wrote nothing for {self._idle_s:g} s."
        return None

    def next_in(self, now: float) -> float | None:
        """Seconds to the next limit; None without limits."""
        moments = []
        if self._timeout_s is not None:
            moments.append(self._started + self._timeout_s)
        if self._idle_s is not None:
            moments.append(self._output_at + self._idle_s)
        if self._watchdog_at is not None:
            moments.append(self._watchdog_at)
        return max(0.0, min(moments) - now) if moments else None
