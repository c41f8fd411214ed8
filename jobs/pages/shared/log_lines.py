"""The markup of a log's lines: one for pages, parts, the live stream and the tail on the job's page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from adapters.process import Hit, Line
from jobs.models import StepAttempt
from jobs.pages.shared.ansi import render
from jobs.services.reading.logs import Log

EXCERPT = 200  # characters of a hit that a row shows
LEAD = 60  # of them before the match, where the line is longer


@dataclass(frozen=True)
class LogRow:
    """One line of one attempt's log, as it is shown."""

    attempt: StepAttempt
    line: Line
    error: bool = False

    @property
    def number(self) -> int:
        return self.line.number


def rows_of(log: Log, lines: Iterable[Line]) -> list[LogRow]:
    """The lines, with a mark on those that look like errors."""
    errors = frozenset(log.errors())
    return [LogRow(log.attempt, line, line.number in errors) for line in lines]


def row_html(row: LogRow) -> SafeString:
    number = row.number
    css = ' class="log-error"' if row.error else ""
    time = f"<time>{clock(row.line.time)}</time>" if row.line.time else ""
    return mark_safe(  # noqa: S308 - numbers, digits of a clock, and what is escaped already
        f'<li id="L{number}"{css}><a href="#L{number}">{number}</a>{time}<code>{content(row)}</code></li>'
    )


def content(row: LogRow) -> SafeString:
    """What a terminal would show of the line, and a link to the rest of one that is cut."""
    text = render(row.line.raw)
    if not row.line.cut:
        return text
    raw = reverse("job-log-raw", args=[row.attempt.job.job_id])
    whole = escape(f"{raw}?attempt={row.attempt.number}&line={row.number}")
    return mark_safe(f'{text} <a class="ansi-dim" href="{whole}">[cut: get the whole line]</a>')  # noqa: S308 - escaped


def excerpt(hit: Hit) -> SafeString:
    """The part of a matching line that holds its first match, with the match marked."""
    first = max(0, hit.start - LEAD) if len(hit.text) > EXCERPT else 0
    last = min(len(hit.text), first + EXCERPT)
    found = min(hit.end, last)
    lead, match, rest = map(escape, (hit.text[first : hit.start], hit.text[hit.start : found], hit.text[found:last]))
    before = "…" if first or hit.before else ""
    after = "…" if last < len(hit.text) or hit.after else ""
    return mark_safe(f"{before}{lead}<mark>{match}</mark>{rest}{after}")  # noqa: S308 - every part is escaped


def clock(moment: float | None) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S.%f}"[:-3] if moment else ""
