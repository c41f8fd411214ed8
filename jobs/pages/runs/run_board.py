"""A run's workstreams: in which lane each stands, what it does or waits for, what it needs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from jobs import db
from jobs.models import Dependency, Job, Run, Workstream
from jobs.pages.shared import labels
from jobs.states import JobStatus

_S = JobStatus
LANES = (
    ("waiting", "Waiting"),
    ("running", "Running"),
    ("retrying", "Fixing"),
    ("review", "Review"),
    ("completed", "Done"),
    ("failed", "Failed"),
)
NAMES = dict(LANES)
SAID = {
    "waiting": "waiting",
    "running": "running",
    "retrying": "fixing",
    "review": "in review",
    "completed": "done",
    "failed": "failed",
}
ORDER = ("completed", "running", "retrying", "review", "failed", "waiting")  # of the segments in a bar
BAD = {_S.FAILED, _S.TIMEOUT, _S.REJECTED, _S.BLOCKED}
DONE_SHOWN = 10
MOST_JOBS = 3000


def lane_of(statuses: Iterable[str]) -> str:
    """One lane for all the jobs of a workstream: what is alive counts most, then who is asked, then what failed."""
    have = set(statuses)
    if have & {_S.RUNNING, _S.CANCELLING}:
        return "running"
    if _S.RETRYING in have:
        return "retrying"
    if have & {_S.REVIEW, _S.QUARANTINED}:
        return "review"
    if have & BAD:
        return "failed"
    if not have or have & {_S.WAITING, _S.QUEUED}:
        return "waiting"
    return "completed"


@dataclass
class Card:
    stream: Workstream
    lane: str = "waiting"
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
        return sum(job.status == _S.COMPLETED for job in self.jobs)

    @property
    def current(self) -> Job | None:
        return next((job for job in self.jobs if job.status in (_S.RUNNING, _S.CANCELLING)), None)

    @property
    def started_at(self) -> datetime | None:
        return min((job.started_at for job in self.jobs if job.started_at), default=None)

    @property
    def finished_at(self) -> datetime | None:
        if any(job.finished_at is None for job in self.jobs):
            return None
        return max((job.finished_at for job in self.jobs if job.finished_at), default=None)

    @property
    def took_s(self) -> float:
        if self.started_at is None:
            return 0.0
        return ((self.finished_at or db.now()) - self.started_at).total_seconds()


def cards_of(run: Run, jobs: Sequence[Job]) -> dict[int, Card]:
    """pk of the workstream -> its card, in the order in which they were made."""
    cards = {stream.pk: Card(stream) for stream in Workstream.objects.filter(run=run).order_by("pk")[:500]}
    for job in jobs:
        if job.workstream_id in cards:
            cards[job.workstream_id].jobs.append(job)
    _link(cards, jobs)
    for card in cards.values():
        card.lane = lane_of(job.status for job in card.jobs)
        card.sentence = _sentence(card, cards)
    return cards


def jobs_of_run(rows: "QuerySet[Job]", run: Run) -> list[Job]:
    return list(rows.filter(run=run).defer("spec", "next_command", "handoff", "paths").order_by("pk")[:MOST_JOBS])


def _link(cards: dict[int, Card], jobs: Sequence[Job]) -> None:
    """Who needs whom, from the dependencies of jobs and from what the workstreams name themselves."""
    of_job = {job.pk: job.workstream_id for job in jobs}
    rows = Dependency.objects.filter(job__run_id__in={job.run_id for job in jobs}).values_list(
        "job_id", "needs_id", "needs_workstream_id"
    )
    pairs = [(of_job.get(job), of_job.get(needs) if needs else stream) for job, needs, stream in rows[:10_000]]
    by_name = {card.name: pk for pk, card in cards.items()}
    pairs += [(pk, by_name.get(str(name))) for pk, card in cards.items() for name in card.stream.depends_on]
    for child, parent in pairs:
        if child in cards and parent in cards and child != parent:
            cards[child].needs.add(parent)
            cards[parent].wanted_by.add(child)


def _sentence(card: Card, cards: dict[int, Card]) -> str:
    if card.stream.locked:
        return f"Locked{f': {card.stream.locked_reason}' if card.stream.locked_reason else ''}"
    if card.lane == "waiting":
        open_needs = [cards[pk].name for pk in sorted(card.needs) if cards[pk].lane != "completed"]
        return f"Needs {', '.join(open_needs[:3])}" if open_needs else "Queued" if card.jobs else "No job yet"
    if card.current:
        return card.current.title
    wanted = {"retrying": {_S.RETRYING}, "review": {_S.REVIEW, _S.QUARANTINED}, "failed": BAD}.get(card.lane, set())
    job = next((job for job in reversed(card.jobs) if job.status in wanted), None)
    return (job.summary or job.title) if job else (card.jobs[-1].title if card.jobs else "")


def lanes(cards: dict[int, Card]) -> list[dict[str, object]]:
    """Lanes in their order; Done shows the latest ten."""
    found = []
    for lane, name in LANES:
        inside = [card for card in cards.values() if card.lane == lane]
        if lane == "completed":
            inside.sort(key=lambda card: card.finished_at or db.now(), reverse=True)
        shown = inside[:DONE_SHOWN] if lane == "completed" else inside
        found.append(
            {"lane": lane, "name": name, "cards": shown, "count": len(inside), "more": len(inside) - len(shown)}
        )
    return found


def tally(states: Iterable[str]) -> tuple[list[tuple[str, int]], str]:
    """Parts of a progress bar, and the same in words."""
    counts = Counter(states)
    parts = [("" if lane == "waiting" else labels.look(lane).tone, counts[lane]) for lane in ORDER]
    return parts, ", ".join(f"{counts[lane]} {SAID[lane]}" for lane in ORDER if counts[lane]) or "no workstream"


def lanes_of_runs(jobs: "QuerySet[Job]", run_ids: Sequence[str]) -> dict[str, list[str]]:
    """run_id -> the lane of each of its workstreams, with one query for all."""
    states: dict[tuple[str, int], set[str]] = defaultdict(set)
    rows = jobs.filter(run_id__in=run_ids).values_list("run_id", "workstream_id", "status").order_by().distinct()
    for run_id, stream, status in rows:
        states[str(run_id), stream].add(status)
    found: dict[str, list[str]] = defaultdict(list)
    for (name, _), have in states.items():
        found[name].append(lane_of(have))
    return found
