"""Runner: executes many attempts at once in one process, in turns.

A turn takes everything that has happened since the last one and handles it in batches: endings are settled, leases
are extended, free slots are filled. All work with the database is done in the thread that calls `turn`; what needs
only files runs beside it (see file_work), and the tools run under keepers (docs/execution.md).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import InterfaceError, OperationalError

from adapters.errors import AdapterError, MissingSecret
from adapters.process import Ending, Event, Keeper, KeeperPool, ShimError
from adapters.process.lost import adopt_orphans
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import LostLease
from jobs.models import Job, StepAttempt
from jobs.queue import drain
from jobs.queue.notifier import Listener
from jobs.services.accounts import node_secrets
from jobs.services.core import events
from jobs.services.execution import attempts
from jobs.services.execution.active import Active
from jobs.services.execution.attempts import Outcome, Prepared
from jobs.services.execution.claim import Claimant
from jobs.services.execution.claim_batch import claim_batch
from jobs.services.execution.file_work import FileWork, is_quick, outcome_of
from jobs.services.execution.log_shipping import ship
from jobs.services.execution.waiting import Timer, wait_for_input
from jobs.services.outcome.settle_batch import Ended, settle_batch
from jobs.sql import attempts as rows
from jobs.sql.model_rows import to_json
from jobs.states import JobStatus

log = logging.getLogger("engine.runner")
UNAVAILABLE = (OperationalError, InterfaceError)  # anything else the database says is a defect
TURN_S = 0.01  # the shortest turn of a busy runner: what comes meanwhile is one batch
LOOK_INTERVAL_S = 1.0  # for cancelled jobs and watched logs, if no notification comes earlier
MIN_LOOK_INTERVAL_S = 0.1  # however many notifications come
SHIP_INTERVAL_S = 0.25
LIVE_INTERVAL_S = 0.05  # for a listener in this process
AWAY_S = 1.0  # between two tries while the database is away
HAND_BACK_GRACE_S = 5.0
STATE_OF_JOB = ("pk", "status", "fence", "cancel_grace_s")


class Runner:
    """Claims and runs the jobs of `claimant`, up to its number of slots. For one thread."""

    def __init__(self, claimant: Claimant, on_output: Callable[[bytes], None] | None = None) -> None:
        self.claimant = claimant
        self.active: dict[int, Active] = {}
        self._on_output = on_output
        self._pool = KeeperPool()
        self._files = FileWork()
        self._listener = Listener()
        self._claim, self._look = Timer(settings.ENGINE_POLL_S), Timer(LOOK_INTERVAL_S)
        self._heartbeat, self._ship = Timer(settings.ENGINE_HEARTBEAT_S), Timer(SHIP_INTERVAL_S)
        self._busy = False  # the last turn changed something, so the next one may wait for more
        self._turn_at = 0.0

    def __enter__(self) -> Self:
        adopt_orphans()
        self._pool.warm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Whatever still runs is ended; its attempt is lost and runs again."""
        self._pool.close()
        self._files.close()
        self._listener.close()

    @property
    def free(self) -> int:
        return self.claimant.slots - len(self.active)

    def turn(self, timeout_s: float, *, claim: bool = True) -> None:
        """Wait for something to do, at most `timeout_s`, and do it. A database that is away costs turns, not jobs."""
        claim = claim and not drain.stopping()
        try:
            self._wait(timeout_s, claim and self.free > 0)
            self._turn_at, self._busy = time.monotonic(), False
            self._advance(claim)
        except UNAVAILABLE as fault:
            # No heartbeat has been told to the keepers: they end the tools before the leases run out.
            log.warning("the database is unavailable: %s", fault)
            db.connection().close()
            time.sleep(AWAY_S)

    def add(self, attempt: StepAttempt) -> Active:
        """Run an attempt that has been claimed. Its job and workstream must be loaded."""
        active = self.active[attempt.pk] = Active.of(attempt, self._on_output)
        return active

    # Waiting

    def _wait(self, timeout_s: float, claim: bool) -> None:
        if self._busy:
            time.sleep(max(0.0, TURN_S - (time.monotonic() - self._turn_at)))
            timeout_s = 0.0
        timers = [self._heartbeat, self._look, self._ship] if self.active else []
        timeout_s = min([timeout_s, *(timer.left_s for timer in timers + ([self._claim] if claim else []))])
        if any(active.log.live for active in self.active.values()):
            timeout_s = min(timeout_s, LIVE_INTERVAL_S)
        sources = [*self._listener.filenos(), self._files.fileno(), *(keeper.fileno() for keeper in self._pool.keepers)]
        wait_for_input(sources, timeout_s)
        if self._listener.heard():
            self._claim.expire()
            self._look.expire(MIN_LOOK_INTERVAL_S)

    # A turn

    def _advance(self, claim: bool) -> None:
        self._read_keepers()
        for active in list(self.active.values()):
            if active.ending is not None and active.ready_to_judge:
                self._judge(active, active.ending)
        self._files.finish()
        self._settle()
        self._note_starts()
        if self.active and self._heartbeat.due():
            self._extend_leases()
        if self.active and self._look.due():
            self._look_around()
        if claim and self.free > 0 and self._claim.due():
            self._fill_slots()
        for active in list(self.active.values()):
            if not active.begun:
                self._prepare(active)
            if active.ready_to_start:
                self._start(active)
        if self.active and self._ship.due():
            ship([active.log for active in self.active.values() if active.log.is_due()])
        for active in self.active.values():
            active.log.tell()
        if drain.hand_back_now():
            self._hand_back()

    def _fill_slots(self) -> None:
        asked_at = time.monotonic()
        claimed = claim_batch(self.claimant, self.free)
        for attempt in claimed:
            self.add(attempt).confirmed_at = asked_at
        if claimed:
            self._busy = True
            self._claim.expire()  # where these were, there may be more

    def _prepare(self, active: Active) -> None:
        try:
            active.secrets = node_secrets.granted(active.attempt.job)
        except MissingSecret as refusal:
            active.begun = True
            self._prepared(active, refusal)
            return
        since = attempts.first_start(active.attempt)
        active.begun = True
        self._do(active, partial(attempts.prepare, active.attempt, active.secrets, since), self._prepared)

    def _do(self, active: Active, step: Callable[[], Any], done: Callable[[Active, Any], None]) -> None:
        """At once where it is quick, else in a thread."""
        if is_quick(active):
            done(active, outcome_of(step))
        else:
            self._files.run(step, partial(done, active))

    def _prepared(self, active: Active, result: Any) -> None:
        if active.lost:
            return
        if isinstance(result, AdapterError):
            self._do(active, partial(attempts.reject, active.attempt, result), self._judged)
        elif isinstance(result, Prepared):
            active.prepared = result
        else:
            active.outcome = _failure(active, result)
        self._busy = True

    def _start(self, active: Active) -> None:
        prepared = active.prepared
        assert prepared is not None
        if active.cancelled or active.handed_back:
            active.outcome = _not_started(active)
            return
        if time.monotonic() - active.confirmed_at > settings.ENGINE_WATCHDOG_S / 2:
            self._extend_leases()  # preparing took long: a runner that was taken for dead must not start anything
            if active.lost:
                return
        left_s = settings.ENGINE_WATCHDOG_S - (time.monotonic() - active.confirmed_at)
        spec = replace(prepared.spec, dead_man_s=max(0.1, left_s))
        try:
            active.keeper, active.running = self._pool.start(spec, active.attempt.job.repo_key)
        except (OSError, ShimError) as fault:
            active.outcome = _failure(active, fault)

    # What keepers report

    def _read_keepers(self) -> None:
        by_running = {id(active.running): active for active in self.active.values() if active.running}
        for keeper in list(self._pool.keepers):
            for event in keeper.poll():
                if active := by_running.get(id(event.running)):
                    self._heard(active, event)
            if keeper.gone:
                self._lost_keeper(keeper, by_running)

    def _heard(self, active: Active, event: Event) -> None:
        if event.kind == "started":
            active.pids = {"tool_pid": event.content.get("pid", 0), "shim_pid": event.content.get("shim_pid", 0)}
            self._busy = True
        elif event.kind == "exit":
            self._ended(active)

    def _lost_keeper(self, keeper: Keeper, by_running: dict[int, Active]) -> None:
        log.error("keeper %s died; what it ran is settled as it ended", keeper.identities.get("shim_pid", 0))
        for running in self._pool.replace(keeper):
            if active := by_running.get(id(running)):
                self._ended(active)

    def _ended(self, active: Active) -> None:
        assert active.running is not None
        active.ending = active.running.ending
        self._busy = True
        if active.lost:
            self._drop(active)
        elif active.handed_back and active.ending and active.ending.ended_by == "cancel":  # not by itself just before
            active.outcome = _HANDED_BACK

    def _judge(self, active: Active, ending: Ending) -> None:
        # The query comes first: if the database is away, the next turn asks again.
        shared = not is_quick(active) and attempts.shares_its_tree(active.attempt)
        active.judging = True
        step = partial(attempts.judge, active.attempt, ending, active.secrets, tree_is_shared=shared)
        self._do(active, step, self._judged)

    def _judged(self, active: Active, result: Any) -> None:
        active.outcome = result if isinstance(result, Outcome) else _failure(active, result)
        self._busy = True

    def _drop(self, active: Active) -> None:
        log.warning("%s has been taken over; its processes were ended and nothing more is written", active.name)
        self.active.pop(active.attempt.pk, None)

    # The database

    def _settle(self) -> None:
        done = [active for active in self.active.values() if active.outcome is not None]
        if not done:
            return
        self._note(active for active in done if active.running and not active.noted)
        for active in done:
            if active.outcome is not None and active.outcome.freed_lock:
                attempts.note_freed_lock(active.attempt, active.outcome.freed_lock)
                active.outcome = replace(active.outcome, freed_lock="")
        for active, refusal in zip(done, _settled(done), strict=True):
            if refusal is None or isinstance(refusal, LostLease):
                if refusal is not None:
                    log.warning("%s", refusal)
                active.log.tell()
                del self.active[active.attempt.pk]
            elif active.unsettled:
                log.error("%s cannot be settled; it is lost when its lease ends", active.name)
                del self.active[active.attempt.pk]
            else:  # the next turn writes less
                active.unsettled, active.outcome = True, _failure(active, refusal)
        self._busy = True
        self._claim.expire()  # slots are free

    def _note_starts(self) -> None:
        self._note(active for active in self.active.values() if active.to_note)

    def _note(self, actives: Any) -> None:
        """Command, commit and process ids: one statement for all."""
        started = list(actives)
        if not started:
            return
        rows.start([_noted(active) for active in started])
        for active in started:
            active.noted = True
            prepared = active.prepared
            if prepared is not None:
                active.attempt.command, active.attempt.base_commit = prepared.command, prepared.base_commit
                attempts.note_freed_lock(active.attempt, prepared.freed_lock)
                if prepared.risks:
                    number = active.attempt.number
                    events.record(
                        "attempt.repository_config", job=active.attempt.job, attempt=number, findings=prepared.risks
                    )

    def _extend_leases(self) -> None:
        """One heartbeat for all. What is no longer ours is stopped before the keepers hear that the rest may go on."""
        asked_at = time.monotonic()  # from before the question: a watchdog must never run longer than its lease
        until = db.now() + timedelta(seconds=settings.ENGINE_LEASE_S)
        held = rows.beat([(pk, one.attempt.fence, one.log.size) for pk, one in self.active.items()], until)
        for pk, active in list(self.active.items()):
            if pk in held:
                active.confirmed_at = asked_at
            else:
                self._lose(active)
        self._pool.heartbeat(max(0.1, settings.ENGINE_WATCHDOG_S - (time.monotonic() - asked_at)))

    def _lose(self, active: Active) -> None:
        active.lost = True
        if active.running is not None and active.ending is None:
            active.stop(0.0, cause="lifeline")  # dropped when its processes are gone
        else:
            self._drop(active)

    def _look_around(self) -> None:
        """Which jobs were cancelled or taken over, and which logs are watched."""
        of_job = {active.attempt.job_id: active for active in self.active.values()}
        found = {row[0]: row[1:] for row in Job.objects.filter(pk__in=of_job).values_list(*STATE_OF_JOB)}
        for pk, active in of_job.items():
            status, fence, grace_s = found.get(pk, ("", -1, None))
            if fence != active.attempt.fence:
                self._lose(active)
            elif status == JobStatus.CANCELLING and not active.cancelled:
                active.cancelled = True
                active.stop(settings.ENGINE_CANCEL_GRACE_S if grace_s is None else grace_s)
        watched = StepAttempt.objects.filter(pk__in=self.active, watched_until__gt=db.now())
        keys = set(watched.values_list("pk", flat=True))
        for pk, active in self.active.items():
            active.log.watched = pk in keys

    def _hand_back(self) -> None:
        for active in self.active.values():
            if not (active.handed_back or active.cancelled or active.lost):
                active.handed_back = True
                active.stop(min(HAND_BACK_GRACE_S, settings.ENGINE_CANCEL_GRACE_S))


_HANDED_BACK = Outcome(Verdict(Reason.LOST, "Handed back: the worker was told to stop.", "shutdown"))


def _not_started(active: Active) -> Outcome:
    if active.handed_back:
        return _HANDED_BACK
    return Outcome(Verdict(Reason.CANCELLED, "Cancelled before it started.", "engine:cancel"))


def _failure(active: Active, fault: Any) -> Outcome:
    """Engine could not run it, or met a defect; the attempt must not stay open."""
    if isinstance(fault, OSError | ShimError):
        return Outcome(Verdict(Reason.INFRA, f"Engine could not run it: {fault}", "prepare"))
    log.error("%s met a defect", active.name, exc_info=fault)
    return Outcome(Verdict(Reason.INFRA, f"Engine met a defect: {fault!r}", "defect"))


def _settled(done: list[Active]) -> list[Exception | None]:
    """What came of each. One that meets a defect does not hold the others."""
    try:
        return settle_batch([_ended(active) for active in done])
    except UNAVAILABLE:
        raise
    except Exception as defect:
        if len(done) == 1:
            return [defect]
        return [refusal for active in done for refusal in _settled([active])]


def _ended(active: Active) -> Ended:
    outcome = active.outcome
    assert outcome is not None
    chunks = () if active.ending is None else _last_chunks(active)
    return Ended(
        active.attempt, outcome.verdict, active.ending, outcome.head_commit, outcome.error_report, chunks=chunks
    )


def _last_chunks(active: Active) -> tuple[Any, ...]:
    try:
        return active.log.read().chunks
    except OSError as fault:
        log.warning("%s: its log cannot be copied (%s)", active.name, fault)
        return ()


def _noted(active: Active) -> dict[str, Any]:
    prepared = active.prepared
    return {
        "id": active.attempt.pk,
        "fence": active.attempt.fence,
        "command": to_json(prepared.command if prepared else []),
        "base_commit": prepared.base_commit if prepared else "",
        "tool_pid": active.pids.get("tool_pid"),
        "shim_pid": active.pids.get("shim_pid"),
    }
