"""News of a job's log: one query for all who watch it."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from adapters.process import Line
from adapters.process.logs import CUT_AT
from adapters.process.terminal import TAIL_BYTES, shorten, shorten_long
from jobs.models import Job, StepAttempt
from jobs.services.reading.logs import Log, note_watched, open_log
from jobs.states import SETTLED

logger = logging.getLogger("engine.streams")
WINDOW_LINES = 500


@dataclass(frozen=True)
class JobEnd:
    """How the job ended, or in what state it waits for a person."""

    status: str
    summary: str


@dataclass(frozen=True)
class News:
    """What one look at one attempt found."""

    attempt: StepAttempt | None  # None while the job has none
    last: int  # number of the last line that has its end
    lines: Sequence[Line] = ()  # the newest of them since the look before
    pending: Line | None = None  # what stands behind the last line end
    errors: frozenset[int] = frozenset()
    begun: bool = False  # the first news of this attempt
    ended: bool = False  # the last news of this attempt
    job_end: JobEnd | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def number(self) -> int:
        return self.attempt.number if self.attempt else 0

    @property
    def first(self) -> int:
        return self.last - len(self.lines) + 1

    def once[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """What is made of the news, made once for all who ask with the same key."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found


class Edge:
    """The growing end of one job's log: where the last look was, over all attempts."""

    def __init__(self, job_pk: int) -> None:
        self.job_pk = job_pk
        self._attempt = 0  # its number; 0: none was seen yet
        self._ended = self._settled = False
        self._size = self._whole = self._line_start = 0  # of its log: bytes, whole lines, where the open line begins

    def look(self, job: Job, attempts: Sequence[StepAttempt]) -> list[News]:
        """News since the look before; of the attempt that is seen first, only where its log ends.

        The job was read before its attempts: if it had settled then, nothing comes after what the attempts hold.
        """
        fresh = [attempt for attempt in attempts if attempt.number >= self._attempt]
        found = [self._first_look(attempt) for attempt in fresh[-1:]] if not self._attempt else self._looks(fresh)
        if job.status in SETTLED and not self._settled:
            end = JobEnd(job.status, job.summary)
            found.append(News(fresh[-1] if fresh else None, self._whole, ended=True, job_end=end))
        self._settled = job.status in SETTLED
        return found

    def _first_look(self, attempt: StepAttempt) -> News:
        opened = open_log(attempt)
        self._attempt, self._whole = attempt.number, opened.lines_whole
        self._size = self._line_start = opened.span(self._whole + 1)[0]
        return self._look_at(attempt, opened)

    def _looks(self, attempts: Sequence[StepAttempt]) -> list[News]:
        found = []
        for attempt in attempts:
            log = open_log(attempt)
            begun, grown = attempt.number > self._attempt, log.size != self._size
            if begun:
                self._attempt, self._ended = attempt.number, False
            if begun or log.size < self._size:
                self._size = self._whole = self._line_start = 0
            if begun or (not self._ended and (grown or attempt.is_final)):
                found.append(self._look_at(attempt, log, begun))
        return found

    def _look_at(self, attempt: StepAttempt, log: Log, begun: bool = False) -> News:
        before, size = self._whole, log.size
        self._count(log, size)
        self._ended = attempt.is_final
        if self._ended:
            self._whole += self._line_start < size
        else:
            note_watched(attempt)
        return News(
            attempt,
            self._whole,
            self._lines(log, before),
            None if self._ended else self._pending(log, size),
            frozenset(log.errors()),
            begun=begun,
            ended=self._ended,
        )

    def _count(self, log: Log, size: int) -> None:
        """Count the line ends in what came since; a long line without its end is not read again at each look."""
        for piece in log.read(self._size, size):
            if newlines := piece.count(b"\n"):
                self._whole += newlines
                self._line_start = self._size + piece.rindex(b"\n") + 1
            self._size += len(piece)

    def _lines(self, log: Log, before: int) -> list[Line]:
        count = min(self._whole - before, WINDOW_LINES)
        return log.lines(self._whole - count + 1, count) if count > 0 else []

    def _pending(self, log: Log, size: int) -> Line | None:
        start = self._line_start
        if start >= size:
            return None
        tail = b"".join(log.read(max(start, size - TAIL_BYTES), size))
        if size - start <= TAIL_BYTES:
            kept, cut = shorten(tail, CUT_AT)
        else:
            kept, cut = shorten_long(b"".join(log.read(start, start + CUT_AT)), tail, CUT_AT)
        return Line(self._whole + 1, start, None, kept, cut)


def look_at_all(edges: Sequence[Edge]) -> list[list[News]]:
    """The news of each; two statements for all of them, and the logs that have grown."""
    jobs = Job.objects.only("status", "summary", "job_id").in_bulk([edge.job_pk for edge in edges])
    attempts: dict[int, list[StepAttempt]] = {}
    for attempt in _attempts(list(jobs)):
        attempt.job = jobs[attempt.job_id]
        attempts.setdefault(attempt.job_id, []).append(attempt)
    return [_look(edge, jobs.get(edge.job_pk), attempts.get(edge.job_pk, [])) for edge in edges]


def _attempts(jobs: Sequence[int]) -> "QuerySet[StepAttempt]":
    rows = StepAttempt.objects.filter(job_id__in=jobs).order_by("job_id", "number")
    return rows.only(
        "job_id", "number", "step_name", "status", "log_dir", "log_bytes", "first_error_line", "watched_until"
    )


def _look(edge: Edge, job: Job | None, attempts: Sequence[StepAttempt]) -> list[News]:
    """One log that cannot be read must not hold up the others."""
    try:
        return edge.look(job, attempts) if job else []
    except OSError as fault:
        logger.warning("The log of job %s cannot be read: %s", edge.job_pk, fault)
        return []
