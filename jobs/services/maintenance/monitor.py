"""Node monitor: once a second, on each node: find dead and silent workers, start what is due, repair.

Every step is a conditional update, so any number of nodes may do it at once.
"""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

from django.conf import settings

from adapters.process.adoption import is_held
from adapters.process.sweep import Identity, alive, read_pids
from jobs import db
from jobs.models import Job, StepAttempt
from jobs.queue.node_lock import directory
from jobs.queue.wake import keep_awake
from jobs.services.core.transitions import move
from jobs.services.maintenance import nodes, retention
from jobs.services.maintenance.guarded import guarded
from jobs.services.maintenance.repair import repair
from jobs.services.maintenance.rescue import rescue
from jobs.sql import upkeep
from jobs.sql.upkeep import Watched
from jobs.states import JobStatus

log = logging.getLogger("engine.maintenance")
REPAIR_INTERVAL_S = 30.0
SHIM_EXIT_S = 3.0  # what a shim needs at most to end the tree of its dead worker and to record how
SHIM_START_S = 0.5  # a shim that has just been told to start sees its worker's end within moments
BATCH_SIZE = 200  # jobs of one step
DIED = "its worker process died"


class NodeMonitor:
    """Watches workers with a memory of its own: `tick` once a second, always from the same process.

    `clock` counts seconds and is never set back; it is the only one that decides whether a worker is silent.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, shim_start_s: float = SHIM_START_S) -> None:
        self._clock = clock
        self._shim_start_s = shim_start_s
        self._heartbeats: dict[int, tuple[int, float]] = {}  # attempt -> its heartbeat, and when that was first seen
        self._orphaned_at: dict[int, float] = {}  # attempt -> when its worker was found dead, its shim still at work
        self._repaired_at: float | None = None

    def tick(self) -> None:
        """Steps are apart, so that one that fails takes no other along. Raises only what the database raises."""
        nodes.heartbeat()
        self.look_after_attempts()
        delayed, expired = upkeep.due(db.now())
        if delayed:
            _start_what_is_due()
        if expired:
            _expire_what_waited_too_long()
        keep_awake()
        now = self._clock()
        if self._repaired_at is None or now - self._repaired_at > REPAIR_INTERVAL_S:
            self._repaired_at = now
            repair()
            retention.prune(max_jobs=BATCH_SIZE)

    def look_after_attempts(self) -> None:
        """Close what a dead or silent worker left."""
        watched = upkeep.watched()
        self._forget_all_but({attempt.id for attempt in watched})
        dead = _dead_workers(watched)
        for attempt in watched:
            cause = self._why_lost(attempt, dead)
            if cause:
                guarded(partial(self._rescue, attempt, cause))

    def _forget_all_but(self, running: set[int]) -> None:
        self._heartbeats = {pk: seen for pk, seen in self._heartbeats.items() if pk in running}
        self._orphaned_at = {pk: since for pk, since in self._orphaned_at.items() if pk in running}

    def _why_lost(self, attempt: Watched, dead: set[Identity]) -> str:
        """What became of its worker: dead (same host: at once) or silent (any host: after its lease). Empty if neither."""
        if attempt.host == settings.ENGINE_NODE and (attempt.worker_pid, attempt.worker_started) in dead:
            return DIED
        silent = self._silent_s(attempt) > settings.ENGINE_LEASE_S
        return f"its worker was silent for {settings.ENGINE_LEASE_S:g} s" if silent else ""

    def _rescue(self, watched: Watched, cause: str) -> None:
        """Close the attempt, unless its shim still needs a moment, or it was closed, adopted or heard of meanwhile."""
        running = StepAttempt.objects.alive().select_related("job__workstream")
        attempt = running.filter(pk=watched.id, worker_pid=watched.worker_pid, heartbeat=watched.heartbeat).first()
        if attempt and (cause != DIED or self._shim_has_ended(attempt)):
            rescue(attempt, cause)

    def _shim_has_ended(self, attempt: StepAttempt) -> bool:
        """A shim whose worker died ends the tree and records how; it gets a moment for that, so that no result is lost."""
        pids = read_pids(attempt.directory)
        now = self._clock()
        waited = now - self._orphaned_at.setdefault(attempt.pk, now)
        if not pids:
            return waited >= self._shim_start_s
        shim = int(pids.get("shim_pid", 0)), int(pids.get("shim_starttime", 0))
        if is_held(directory(), shim) and waited <= settings.ENGINE_WATCHDOG_S:
            return False  # a planned restart: the new runner is about to take it over
        return waited > SHIM_EXIT_S or not alive(*shim)

    def _silent_s(self, attempt: Watched) -> float:
        """Seconds since the heartbeat changed, as this process saw it: no host's wall clock is trusted."""
        now = self._clock()
        heartbeat, since = self._heartbeats.get(attempt.id, (-1, now))
        if heartbeat != attempt.heartbeat:
            self._heartbeats[attempt.id] = (attempt.heartbeat, now)
            return 0.0
        return now - since


def _dead_workers(watched: Iterable[Watched]) -> set[Identity]:
    """Those of this host; one look for each worker, however many attempts it runs."""
    workers = {(one.worker_pid, one.worker_started) for one in watched if one.host == settings.ENGINE_NODE}
    return {worker for worker in workers if not alive(*worker)}


def _start_what_is_due() -> None:
    for job in Job.objects.delayed().filter(not_before__lte=db.now())[:BATCH_SIZE]:
        guarded(partial(move, job, JobStatus.QUEUED))


def _expire_what_waited_too_long() -> None:
    for job in Job.objects.filter(expires_at__lte=db.now()).order_by("expires_at")[:BATCH_SIZE]:
        guarded(partial(_expire, job))


def _expire(job: Job) -> None:
    move(
        job,
        JobStatus.TIMEOUT,
        event="job.expired",
        reason="timeout",
        summary="It waited longer in the queue than its queue_timeout_seconds.",
    )
