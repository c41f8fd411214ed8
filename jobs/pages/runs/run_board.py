"""A run's workstreams: in which lane each stands, what it does or waits for, what it needs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from jobs import db
from jobs.models import Dependency, Job, Run, Workstream
from jobs.models.durations import elapsed_s
from jobs.pages.shared import labels
from jobs.pages.shared.charts import Segment, segments
from jobs.services.core.roll_up import ORDER, Lane, in_words, lane_of
from jobs.states import ALIVE, FAILURES, NEEDS_ATTENTION, NOT_COMPLETED, JobStatus

COLUMNS = {
    Lane.WAITING: "Waiting",
    Lane.RUNNING: "Running",
    Lane.RETRYING: "Fixing",
    Lane.REVIEW: "Review",
    Lane.COMPLETED: "Done",
    Lane.FAILED: "Failed",
    Lane.BLOCKED: "Blocked",
    Lane.CANCELLED: "Cancelled",
}
HIDDEN_WHEN_EMPTY = (Lane.BLOCKED, Lane.CANCELLED)
# Of which job a card tells.
TELLING = {
    Lane.RETRYING: (JobStatus.RETRYING,),
    Lane.REVIEW: NEEDS_ATTENTION,
    Lane.FAILED: FAILURES,
    Lane.BLOCKED: (JobStatus.BLOCKED,),
}
MAX_DONE = 10  # cards in the column "Done"
MAX_JOBS = 3000


@dataclass
class Card:
    """One workstream of the run, with those of its jobs that the viewer sees."""

    stream: Workstream
    lane: Lane = Lane.WAITING
    jobs: list[Job] = field(default_factory=list)
    needs: set[int] = field(default_factory=set)  # pks of workstreams
    wanted_by: set[int] = field(default_factory=set)
    sentence: str = ""

    @property
    def name(self) -> str:
        return self.stream.ws_id

    @property
    def chain(self) -> list[str]:
        return list(dict.fromkeys(job.tool for job in self.jobs))

    @property
    def done(self) -> int:
        return sum(job.status == JobStatus.COMPLETED for job in self.jobs)

    @property
    def current(self) -> Job | None:
        return next((job for job in self.jobs if job.status in ALIVE), None)

    @property
    def started_at(self) -> datetime | None:
        return min((job.started_at for job in self.jobs if job.started_at), default=None)

    @property
    def finished_at(self) -> datetime | None:
        if any(job.finished_at is None for job in self.jobs):
            return None
        return max((job.finished_at for job in self.jobs if job.finished_at), default=None)

    @property
    def duration_s(self) -> float:
        if self.started_at is None:
            return 0.0
        return elapsed_s(self.started_at, self.finished_at)


@dataclass(frozen=True)
class Progress:
    """A bar of lanes, and the same in words."""

    bar: list[Segment]
    words: str


@dataclass(frozen=True)
class Column:
    """One lane of the board; `more`: cards that are left out."""

    lane: Lane
    name: str
    cards: list[Card]
    count: int
    more: int


@dataclass(frozen=True)
class Need:
    """One dependency of a job: on a job or on a workstream."""

    job: int
    needs: int | None
    stream: int | None


@dataclass(frozen=True)
class Board:
    cards: dict[int, Card]  # by the key of the workstream, in the order in which they were made
    progress: Progress

    def columns(self) -> list[Column]:
        """In the order of a job's life; "Done" shows the latest ten."""
        found = []
        for lane, name in COLUMNS.items():
            inside = [card for card in self.cards.values() if card.lane == lane]
            if not inside and lane in HIDDEN_WHEN_EMPTY:
                continue
            if lane == Lane.COMPLETED:
                inside.sort(key=lambda card: card.finished_at or db.now(), reverse=True)
            shown = inside[:MAX_DONE] if lane == Lane.COMPLETED else inside
            found.append(Column(lane, name, shown, len(inside), len(inside) - len(shown)))
        return found


def board_of(streams: "QuerySet[Workstream]", jobs: Sequence[Job]) -> Board:
    """The board of one run, from its workstreams and jobs as far as the viewer sees them."""
    cards = {stream.pk: Card(stream) for stream in streams.order_by("pk")[:500]}
    for job in jobs:
        if job.workstream_id in cards:
            cards[job.workstream_id].jobs.append(job)
    needs = _needs_of(jobs)
    _link(cards, jobs, needs)
    for card in cards.values():
        card.lane = lane_of(Counter(job.status for job in card.jobs))
    for card in cards.values():  # once every lane is known
        card.sentence = _sentence(card, cards)
    lanes = [card.lane for card in cards.values()]
    return Board(cards, progress(lanes, blocked_by_it=_one_failure_blocks(cards, jobs, needs)))


def jobs_of_run(rows: "QuerySet[Job]", run: Run) -> list[Job]:
    return list(rows.filter(run=run).defer("spec", "next_command", "handoff", "paths").order_by("pk")[:MAX_JOBS])


def _needs_of(jobs: Sequence[Job]) -> list[Need]:
    rows = Dependency.objects.filter(job__run_id__in={job.run_id for job in jobs})
    return [Need(*row) for row in rows.values_list("job_id", "needs_id", "needs_workstream_id")[:10_000]]


def _link(cards: dict[int, Card], jobs: Sequence[Job], needs: Sequence[Need]) -> None:
    """Who needs whom, from the dependencies of jobs and from what the workstreams name themselves."""
    of_job = {job.pk: job.workstream_id for job in jobs}
    pairs = [(of_job.get(one.job), of_job.get(one.needs) if one.needs else one.stream) for one in needs]
    by_name = {card.name: pk for pk, card in cards.items()}
    pairs += [(pk, by_name.get(str(name))) for pk, card in cards.items() for name in card.stream.depends_on]
    for child, parent in pairs:
        if child in cards and parent in cards and child != parent:
            cards[child].needs.add(parent)
            cards[parent].wanted_by.add(child)


def _one_failure_blocks(cards: Mapping[int, Card], jobs: Sequence[Job], needs: Sequence[Need]) -> bool:
    """Whether one workstream failed, and all that is blocked waits for a failed job of it."""
    failed = [card for card in cards.values() if card.lane == Lane.FAILED]
    if len(failed) != 1:
        return False
    failures = {job.pk for job in failed[0].jobs if job.status in FAILURES}
    return _causes(jobs, needs) <= failures


def _causes(jobs: Sequence[Job], needs: Sequence[Need]) -> set[int | None]:
    """What the blocked jobs wait for in the end, past other blocked jobs. None: a job outside of the run."""
    known = {job.pk: job for job in jobs}
    members: dict[int, list[int | None]] = defaultdict(list)
    for job in jobs:
        members[job.workstream_id].append(job.pk)
    parents: dict[int, list[int | None]] = defaultdict(list)
    for one in needs:
        parents[one.job] += [one.needs] if one.needs else members[one.stream or 0] or [None]
    found: set[int | None] = set()
    stack, seen = [job.pk for job in jobs if job.status == JobStatus.BLOCKED], set[int]()
    while stack:
        pk = stack.pop()
        if pk in seen:
            continue
        seen.add(pk)
        for parent in parents[pk]:
            job_above = known.get(parent) if parent else None
            if job_above is None:
                found.add(None)
            elif job_above.status == JobStatus.BLOCKED:
                stack.append(job_above.pk)
            elif job_above.status in NOT_COMPLETED:
                found.add(job_above.pk)
    return found


def _sentence(card: Card, cards: Mapping[int, Card]) -> str:
    if card.stream.locked:
        return f"Locked{f': {card.stream.locked_reason}' if card.stream.locked_reason else ''}"
    if card.lane == Lane.WAITING:
        open_needs = [cards[pk].name for pk in sorted(card.needs) if cards[pk].lane != Lane.COMPLETED]
        return f"Needs {', '.join(open_needs[:3])}" if open_needs else "Queued" if card.jobs else "No jobs yet"
    if card.current:
        return card.current.title
    telling = TELLING.get(card.lane, ())
    job = next((job for job in reversed(card.jobs) if job.status in telling), None)
    return (job.summary or job.title) if job else card.jobs[-1].title


def progress(lanes: Iterable[Lane], *, blocked_by_it: bool = False) -> Progress:
    counts = Counter(lanes)
    parts = [("" if lane == Lane.WAITING else labels.look(lane).tone, counts[lane]) for lane in ORDER]
    return Progress(segments(parts), in_words(counts, blocked_by_it=blocked_by_it) or "no workstreams")


def lanes_of_runs(jobs: "QuerySet[Job]", run_ids: Sequence[str]) -> dict[str, list[Lane]]:
    """run_id -> the lane of each of its workstreams, with one query for all."""
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    rows = jobs.filter(run_id__in=run_ids).values_list("run_id", "workstream_id", "status").order_by().distinct()
    for run_id, stream, status in rows:
        counts[str(run_id), stream][status] += 1
    found: dict[str, list[Lane]] = defaultdict(list)
    for (name, _), have in counts.items():
        found[name].append(lane_of(have))
    return found
