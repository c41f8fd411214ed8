"""Wait reasons: why jobs have not started, computed from live rows on request, so never stale."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from jobs import db
from jobs.models import Dependency, Job, Node
from jobs.queue.limits import Limits
from jobs.services.core.private_queue import is_private
from jobs.services.reading.viewer import Viewer
from jobs.states import JobStatus, WaitType

NAMED = 2  # dependencies that a sentence names; the others are counted
MAX_ROWS = 2000


@dataclass(frozen=True)
class WaitReason:
    type: WaitType
    sentence: str


def for_jobs(jobs: Sequence[Job], *, titles_for: Viewer | None = None) -> dict[int, WaitReason]:
    """By key, the reason of each job that waits; at most five queries, however many jobs there are.

    Jobs are named by their ids, and by their titles too as far as `titles_for` sees them.
    """
    found = _dependencies([job for job in jobs if job.status == JobStatus.WAITING and not job.on_hold], titles_for)
    found |= _queued([job for job in jobs if job.status == JobStatus.QUEUED])
    for job in jobs:
        if job.status == JobStatus.WAITING and job.on_hold:
            found[job.pk] = WaitReason(WaitType.HOLD, job.summary or "On hold.")
        if job.status == JobStatus.RETRYING and job.not_before:
            found[job.pk] = WaitReason(WaitType.DELAY, _delay(job))
    return found


def for_submission(tool: str, queue: str) -> WaitReason | None:
    """What would keep back a job that is submitted now, whatever it does; None where only a slot decides."""
    job = Job(tool=tool, queue=queue, status=JobStatus.QUEUED, exclusive=False)
    reason = next(iter(_queued([job]).values()))
    return None if reason.type is WaitType.TURN else reason


def _delay(job: Job) -> str:
    assert job.not_before is not None
    day = "" if job.not_before.date() == db.now().date() else f"on {job.not_before:%d %B} "
    return f"Next attempt {day}at {job.not_before:%H:%M:%S} UTC. {job.summary}".rstrip()


def _dependencies(jobs: Sequence[Job], titles_for: Viewer | None) -> dict[int, WaitReason]:
    if not jobs:
        return {}
    rows = Dependency.objects.filter(job__in=jobs, met=False).order_by("pk")
    unmet = rows.values_list("job_id", "needs_id", "needs__job_id", "needs_workstream__ws_id")[:MAX_ROWS]
    named: dict[int, list[tuple[int | None, str]]] = defaultdict(list)
    for pk, needs, job_id, stream in unmet:
        named[pk].append((needs, job_id or f"workstream {stream}"))
    shown = {needs for needs_of in named.values() for needs, _ in needs_of[:NAMED] if needs}
    titles = dict(titles_for.jobs().filter(pk__in=shown).values_list("pk", "title")) if titles_for and shown else {}
    found = {}
    for job in jobs:
        names = [f"{name} ({titles[needs]})" if needs in titles else name for needs, name in named[job.pk]]
        found[job.pk] = WaitReason(WaitType.DEPENDENCY, f"Waits for {_listed(names)}." if names else "Waits.")
    return found


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and 2 more`."""
    first, more = list(names[:NAMED]), len(names) - NAMED
    last = f"{more} more" if more > 0 else first.pop()
    return f"{', '.join(first)} and {last}" if first else last


def _queued(jobs: Sequence[Job]) -> dict[int, WaitReason]:
    if not jobs:
        return {}
    limits = Limits.read()
    found, free = {}, []
    for job in jobs:
        if limit := limits.why_not(job):
            found[job.pk] = WaitReason(limit[0], f"Waits: {limit[1]}.")
        else:
            free.append(job)
    served = _served_queues() if free else set()
    return found | {job.pk: _turn(job, served) for job in free}


def _turn(job: Job, served: set[str]) -> WaitReason:
    if is_private(job.queue):
        return WaitReason(WaitType.TURN, "Runs in the command that submitted it.")
    if job.queue in served:
        return WaitReason(WaitType.TURN, "Next when a slot is free.")
    return WaitReason(WaitType.NO_WORKER, f"No worker takes jobs from queue {job.queue}.")


def _served_queues() -> set[str]:
    return {queue for queues in Node.objects.taking_jobs().values_list("queues", flat=True) for queue in queues}
