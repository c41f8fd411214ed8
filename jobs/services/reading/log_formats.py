"""Log formats of streams; here the one for programs: every line, over all attempts of the job."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from adapters.process import Line
from jobs.models import Job, StepAttempt
from jobs.services.reading.log_news import WINDOW_LINES, JobEnd, News
from jobs.services.reading.logs import note_watched, open_log
from jobs.services.reading.sse import Message
from jobs.states import SETTLED

WINDOWS_AT_ONCE = 4  # of one call of missed(): other watchers wait for the same thread


@dataclass(frozen=True)
class Place:
    """What a watcher has been told: the lines up to `line` of an attempt."""

    attempt: int = 0
    line: int = 0
    whole: bool = False  # and no more lines of that attempt will come
    ended: bool = False  # and nothing at all


@dataclass(frozen=True)
class Told:
    """Messages that lead from one place to another. `complete`: nothing was missing when they were made."""

    messages: Sequence[Message]
    place: Place
    complete: bool = True

    @cached_property
    def encoded(self) -> bytes:
        return b"".join(message.encoded for message in self.messages)


class LogFormat(Hashable, Protocol):
    """Watchers with an equal format that are in the same place are told the same, so it is made once for all of them."""

    @property
    def job_pk(self) -> int: ...

    def missed(self, place: Place) -> Told:
        """The next part of what was written and not told at that place. Reads log and database."""

    def news(self, place: Place, news: News) -> Told | None:
        """What of the news was not told at that place; None if something before it is missing."""


@dataclass(frozen=True)
class JobLines:
    """Messages `attempt`, `lines` and, last, `end`; the id of each, attempt and line, is the place to go on from."""

    job_pk: int

    def missed(self, place: Place) -> Told:
        job = Job.objects.only("status", "summary").get(pk=self.job_pk)  # before its log: nothing is missed
        messages: list[Message] = []
        attempts = StepAttempt.objects.filter(job_id=self.job_pk, number__gte=place.attempt).order_by("number")
        for attempt in attempts:
            if attempt.number > place.attempt:
                messages.append(_begin(attempt))
                place = Place(attempt.number)
            told = _missing(attempt, place)
            messages += told.messages
            place = told.place
            if not told.complete:
                return Told(messages, place, complete=False)
        if job.status in SETTLED:
            messages.append(_end(place, JobEnd(job.status, job.summary)))
            place = Place(place.attempt, place.line, ended=True)
        return Told(messages, place)

    def news(self, place: Place, news: News) -> Told | None:
        if place.ended or news.number < place.attempt:
            return Told((), place)
        messages: list[Message] = []
        if news.attempt and news.begun and (place.whole or not place.attempt):
            messages.append(_begin(news.attempt))
            place = Place(news.number)
        if news.number > place.attempt or news.first > place.line + 1:
            return None
        if news.last > place.line:
            messages.append(_lines(news.number, news.lines[place.line - news.last :]))
        line = max(place.line, news.last)
        if news.job_end:
            messages.append(_end(Place(news.number, line), news.job_end))
        return Told(messages, Place(news.number, line, whole=news.ended, ended=news.job_end is not None))


def _missing(attempt: StepAttempt, place: Place) -> Told:
    """The next lines of one attempt; complete when those that are there now have been told."""
    if not attempt.is_final:
        note_watched(attempt)
    log = open_log(attempt)
    total = log.lines_total if attempt.is_final else log.lines_whole
    messages: list[Message] = []
    line = place.line
    while line < total and len(messages) < WINDOWS_AT_ONCE:
        # Windows end at the same lines for all, so that watchers who began in different places meet.
        last = min(total, (line // WINDOW_LINES + 1) * WINDOW_LINES)
        lines = log.lines(line + 1, last - line)
        if lines:
            messages.append(_lines(attempt.number, lines))
        line = last if lines else total  # without: the log was removed meanwhile
    complete = line >= total
    return Told(messages, Place(attempt.number, line, whole=attempt.is_final and complete), complete)


def _begin(attempt: StepAttempt) -> Message:
    about = {"attempt": attempt.number, "tool": attempt.step_name, "status": attempt.status}
    return Message("attempt", f"{attempt.number}:0", about)


def _lines(attempt: int, lines: Sequence[Line]) -> Message:
    shown = [{"number": line.number, "text": line.text, "cut": line.cut} for line in lines]
    return Message("lines", f"{attempt}:{lines[-1].number}", {"attempt": attempt, "lines": shown})


def _end(place: Place, end: JobEnd) -> Message:
    return Message("end", f"{place.attempt}:{place.line}", {"status": end.status, "summary": end.summary})
