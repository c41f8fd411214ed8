"""The attempts of a job on one scale, from submit to its end or now: geometry in percent, drawn by a template."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from jobs.models import Job, StepAttempt
from jobs.pages.shared import labels
from jobs.states import JobStatus

SHOWN = 8
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800)
CAUSES = {
    "submitted": "",
    "retried": "retried",
    "parked": "after its quota",
    "escalated": "escalated",
    "lost": "again",
    "released": "released",
}


@dataclass(frozen=True)
class Bar:
    kind: str  # wait, tool, review
    x: str
    x2: str
    width: str
    tone: str = ""


@dataclass
class Row:
    attempt: StepAttempt
    note: str
    said: str  # what the drawing shows, in words
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Tick:
    x: str
    label: str
    anchor: str


@dataclass(frozen=True)
class Gantt:
    rows: list[Row]
    ticks: list[Tick]
    folded: int
    drawn: int  # grows when the drawing would look different


def percent(part: float) -> str:
    return f"{max(0.0, min(1.0, part)) * 100:.2f}%"


def draw(job: Job, attempts: Sequence[StepAttempt], now: datetime, *, fold: bool = True) -> Gantt:
    start = job.created_at
    end = job.finished_at or now
    span = max(1.0, (end - start).total_seconds())

    def at(moment: datetime) -> float:
        return (moment - start).total_seconds() / span

    rows, before = [], start
    for attempt in attempts:
        rows.append(_row(job, attempt, before, end, at))
        before = attempt.completed_at or end
    folded = max(0, len(rows) - SHOWN) if fold else 0
    ticks = scale(start, span)
    # Two percent of growth are worth a drawing; less cannot be seen.
    drawn = int(span / max(1.0, ticks[-1][0] / 12)) if job.finished_at is None and len(ticks) > 1 else int(span)
    return Gantt(rows[folded:], [tick for _, tick in ticks], folded, drawn)


def _row(job: Job, attempt: StepAttempt, before: datetime, end: datetime, at: "At") -> Row:
    done = attempt.completed_at or end
    waited = (attempt.started_at - before).total_seconds()
    tone = labels.look(attempt.status).tone
    bars = []
    if waited > 0.5:
        bars.append(Bar("wait", percent(at(before)), percent(at(attempt.started_at)), ""))
    width = max(at(done) - at(attempt.started_at), 0.003)
    bars.append(Bar("tool", percent(at(attempt.started_at)), "", percent(width), tone))
    took = labels.duration(attempt.duration_s)
    said = f"Attempt {attempt.number}, {attempt.step_name}: "
    said += f"waited {labels.duration(waited)}, " if waited >= 1 else ""
    ending = labels.look(attempt.status).word.lower()
    said += f"running for {took}" if attempt.completed_at is None else f"ran {took}, {ending}"
    if job.status == JobStatus.REVIEW and attempt.number == job.attempts_made and attempt.completed_at:
        bars.append(Bar("review", percent(at(done)), "100%", ""))
        said += f", in review for {labels.duration((end - done).total_seconds())}"
    return Row(attempt, _note(attempt, waited), said, bars)


def _note(attempt: StepAttempt, waited: float) -> str:
    """Why this attempt was made."""
    cause = CAUSES.get(attempt.cause, attempt.cause)
    return f"retry after {labels.duration(waited)}" if attempt.cause == "retried" and waited >= 1 else cause


def scale(start: datetime, span: float) -> list[tuple[float, Tick]]:
    """The start as a clock, then at most five round steps."""
    step = next((s for s in STEPS if span / s <= 5.5), STEPS[-1])
    ticks = [(0.0, Tick("0%", f"{start:%H:%M:%S}", "start"))]
    count = min(8, int(span // step))
    for n in range(1, count + 1):
        x = n * step / span
        if 0.08 < x < 0.985:
            ticks.append((n * step, Tick(percent(x), f"+{_round(n * step)}", "middle")))
    return ticks


def _round(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)} {unit}"
    return labels.duration(seconds) if seconds >= 60 else f"{int(seconds)} s"


class At(Protocol):
    """The place of a moment on the scale, from 0 to 1."""

    def __call__(self, moment: datetime) -> float: ...  # pragma: no cover


def working_time(attempts: Sequence[StepAttempt]) -> timedelta:
    return sum((timedelta(seconds=attempt.duration_s) for attempt in attempts), timedelta())
