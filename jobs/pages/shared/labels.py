"""The word, the tone and the glyph of every state: the one place that pages take them from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    word: str
    tone: str  # data-tone of the style sheet: idle, run, fix, review, ok, bad
    glyph: str  # a symbol of static/icons.svg
    spin: bool = False


# Outlined while it can change, solid when it is final; no two states share a glyph.
LOOKS: dict[str, Look] = {
    # jobs, attempts, runs
    "waiting": Look("Waiting", "idle", "waiting"),
    "pending": Look("Pending", "idle", "queued"),
    "queued": Look("Queued", "idle", "queued"),
    "running": Look("Running", "run", "running", spin=True),
    "retrying": Look("Retrying", "fix", "retrying"),
    "cancelling": Look("Cancelling", "fix", "cancelling"),
    "review": Look("Review", "review", "review"),
    "quarantined": Look("Quarantined", "fix", "quarantined"),
    "completed": Look("Completed", "ok", "completed"),
    "failed": Look("Failed", "bad", "failed"),
    "timeout": Look("Timed out", "bad", "timeout"),
    "cancelled": Look("Cancelled", "idle", "cancelled"),
    "rejected": Look("Rejected", "bad", "rejected"),
    "blocked": Look("Blocked", "idle", "blocked"),
    "lost": Look("Lost", "bad", "unplug"),
    # error groups
    "open": Look("Open", "bad", "errors"),
    "regressed": Look("Regressed", "bad", "retrying"),
    "muted": Look("Muted", "idle", "mute"),
    "resolved": Look("Resolved", "ok", "completed"),
    # tools and queues
    "healthy": Look("Healthy", "ok", "completed"),
    "degraded": Look("Degraded", "fix", "warn"),
    "circuit_open": Look("Circuit open", "bad", "unplug"),
    "half_open": Look("Half-open", "fix", "retrying"),
    "paused": Look("Paused", "fix", "pause"),
    "not_installed": Look("Not installed", "idle", "x"),
    "no_worker": Look("No worker", "idle", "unplug"),
    # workers
    "busy": Look("Busy", "run", "running", spin=True),
    "idle": Look("Idle", "idle", "queued"),
    "draining": Look("Draining", "fix", "pause"),
    "stopped": Look("Stopped", "idle", "cancelled"),
    "info": Look("Event", "idle", "info"),
}
REASONS = {
    "ok": "good",
    "no_change": "no change",
    "denied": "denied",
    "auth": "not signed in",
    "quota": "quota used up",
    "rate_limited": "rate limited",
    "overloaded": "provider overloaded",
    "network": "network",
    "context_overflow": "context too long",
    "model_missing": "model not found",
    "edit_failed": "edit failed",
    "empty_answer": "empty answer",
    "wrote_but_reading": "wrote while reading",
    "limit_hit": "limit reached",
    "tests_failed": "tests failed",
    "refused": "refused",
    "stalled": "no output",
    "timeout": "out of time",
    "cancelled": "cancelled",
    "lost": "worker lost",
    "infra": "could not be run",
    "crashed": "crashed",
    "exit_code": "exit code",
    "dependency": "dependency failed",
}


def look(state: str) -> Look:
    return LOOKS.get(state) or Look(state.replace("_", " ").capitalize(), "idle", "info")


def duration(seconds: float | None) -> str:
    """`2m 14s`: the two largest units. The same rule stands in engine.js for clocks that tick."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h"


def brief(seconds: float) -> str:
    """`12m`: the largest unit alone, for "when" columns."""
    return duration(seconds).split(" ")[0]


def size(count: float | None) -> str:
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
