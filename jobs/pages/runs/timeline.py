"""When each workstream of a run was at work: one row of bars per workstream on a common scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jobs import db
from jobs.models import Run, StepAttempt
from jobs.pages.jobs.attempt_chart import Bar, Tick, percent, scale
from jobs.pages.runs.run_board import Card
from jobs.pages.shared import labels


@dataclass
class Row:
    card: Card
    said: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    rows: list[Row]
    ticks: list[Tick]
    now: str  # empty once the run has ended
    drawn: int  # grows when the drawing would look different


def draw(run: Run, cards: Mapping[int, Card], attempts: Sequence[StepAttempt]) -> Timeline:
    """Attempts come oldest first, with `job.workstream_id`."""
    submitted = [job.created_at for card in cards.values() for job in card.jobs]
    start = min([*submitted, *(attempt.started_at for attempt in attempts)], default=run.created_at)
    moments = [attempt.completed_at for attempt in attempts if attempt.completed_at]
    alive = any(attempt.completed_at is None for attempt in attempts)
    end = db.now() if alive or not moments else max(moments)
    span = max(1.0, (end - start).total_seconds() * (1.04 if alive else 1.0))

    def at(moment: datetime) -> float:
        return (moment - start).total_seconds() / span

    rows = {pk: Row(card, _said(card)) for pk, card in cards.items()}
    for attempt in attempts:
        row = rows.get(attempt.job.workstream_id)
        if row is not None:
            width = max(0.003, at(attempt.completed_at or end) - at(attempt.started_at))
            tone = labels.look(attempt.status).tone
            row.bars.append(Bar("tool", percent(at(attempt.started_at)), "", percent(width), tone))
    ordered = sorted(rows.values(), key=lambda row: row.card.started_at or end)
    return Timeline(
        ordered,
        [tick for _, tick in scale(start, span)],
        percent(at(end)) if alive else "",
        int(end.timestamp() / max(4.0, span / 50)) if alive else 0,
    )


def _said(card: Card) -> str:
    if card.started_at is None:
        return f"{card.name}: has not started"
    return f"{card.name}: {labels.look(card.lane).word.lower()}, {labels.duration(card.duration_s)}"
