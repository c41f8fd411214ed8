"""Runner: executes many attempts at once in one process, in turns.

A turn takes everything that has happened since the last one and handles it in batches: endings are settled, leases
are extended, free slots are filled. All work with the database is done in the thread that calls `turn`; what needs
only files runs beside it (see file_work), and the tools run under keepers (docs/execution.md).
"""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.conf import settings

from adapters.process.lost import adopt_orphans
from jobs import db
from jobs.models import StepAttempt
from jobs.queue import drain
from jobs.queue.notifier import Listener
from jobs.services.execution import endings, handover, leases, orders
from jobs.services.execution.active import Active
from jobs.services.execution.claim import Claimant
from jobs.services.execution.claim_batch import claim_batch
from jobs.services.execution.log_shipping import ship
from jobs.services.execution.runner_state import UNAVAILABLE, RunnerState
from jobs.services.execution.waiting import Timer, wait_for_input

log = logging.getLogger("engine.runner")
TURN_S = 0.01  # the shortest turn of a busy runner: what comes meanwhile is one batch
LOOK_INTERVAL_S = 1.0  # for cancelled jobs and watched logs, if no notification comes earlier
MIN_LOOK_INTERVAL_S = 0.1  # however many notifications come
SHIP_INTERVAL_S = 0.25
LIVE_INTERVAL_S = 0.05  # for a listener in this process
HOLD_READY_S = 5.0  # for what is being prepared, started or settled when a planned restart begins
AWAY_S = 1.0  # between two tries while the database is away


class Runner:
    """Claims and runs the jobs of `claimant`, up to its number of slots. For one thread."""

    def __init__(self, claimant: Claimant, on_output: Callable[[bytes], None] | None = None) -> None:
        self.claimant = claimant
        self.state = RunnerState()
        self._on_output = on_output
        self._listener = Listener()
        self._claim, self._look = Timer(settings.ENGINE_POLL_S), Timer(LOOK_INTERVAL_S)
        self._heartbeat, self._ship = Timer(settings.ENGINE_HEARTBEAT_S), Timer(SHIP_INTERVAL_S)
        self._turn_at = self._hold_until = 0.0

    def __enter__(self) -> Self:
        adopt_orphans()
        self.state.pool.warm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Whatever still runs is ended; its attempt is lost and runs again."""
        self.state.pool.close()
        self.state.files.close()
        self._listener.close()

    @property
    def active(self) -> dict[int, Active]:
        return self.state.active

    @property
    def free(self) -> int:
        return self.claimant.slots - len(self.active)

    def add(self, attempt: StepAttempt) -> Active:
        """Run an attempt that has been claimed. Its job and workstream must be loaded."""
        active = self.active[attempt.pk] = Active.of(attempt, self._on_output)
        return active

    def take_over(self) -> None:
        """Go on with what the last runner of this node left to its keepers before a planned restart."""
        handover.take_over(self.state, self.claimant)

    def hold(self) -> bool:
        """Before a planned restart: whether what runs has been left to its keepers. Call it after each turn until then."""
        self._hold_until = self._hold_until or time.monotonic() + HOLD_READY_S
        if not handover.can_hold(self.state) and time.monotonic() < self._hold_until:
            return False
        try:
            handover.hold(self.state)
        except UNAVAILABLE as fault:  # nothing has been told to the keepers
            log.warning("the database is unavailable: %s", fault)
            db.connection().close()
            return False
        return True

    def turn(self, timeout_s: float, *, claim: bool = True) -> None:
        """Wait for something to do, at most `timeout_s`, and do it. A database that is away costs turns, not jobs."""
        claim = claim and not drain.stopping()
        try:
            self._wait(timeout_s, claim and self.free > 0)
            self._turn_at, self.state.changed = time.monotonic(), False
            self._advance(claim)
        except UNAVAILABLE as fault:
            # No heartbeat has been told to the keepers: they end the tools before the leases run out.
            log.warning("the database is unavailable: %s", fault)
            db.connection().close()
            time.sleep(AWAY_S)

    def _wait(self, timeout_s: float, claim: bool) -> None:
        if self.state.changed:
            time.sleep(max(0.0, TURN_S - (time.monotonic() - self._turn_at)))
            timeout_s = 0.0
        timers = [self._heartbeat, self._look, self._ship] if self.active else []
        timeout_s = min([timeout_s, *(timer.left_s for timer in timers + ([self._claim] if claim else []))])
        if any(active.log.live for active in self.active.values()):
            timeout_s = min(timeout_s, LIVE_INTERVAL_S)
        keepers = (keeper.fileno() for keeper in self.state.pool.keepers)
        wait_for_input([*self._listener.filenos(), self.state.files.fileno(), *keepers], timeout_s)
        if self._listener.heard():
            self._claim.expire()
            self._look.expire(MIN_LOOK_INTERVAL_S)

    def _advance(self, claim: bool) -> None:
        self._take_endings()
        orders.note_starts(active for active in self.active.values() if active.to_note)
        if self.active and self._heartbeat.due():
            leases.extend(self.state)
        if self.active and self._look.due():
            leases.look_around(self.state)
        if claim and self.free > 0 and self._claim.due():
            self._fill_slots()
        self._begin()
        if self.active and self._ship.due():
            ship([active.log for active in self.active.values() if active.log.is_due()])
        for active in self.active.values():
            active.log.tell()
        if drain.hand_back_now():
            orders.hand_back(self.state)
        elif drain.holding():
            handover.hand_back_unstarted(self.state)

    def _take_endings(self) -> None:
        endings.read_keepers(self.state)
        endings.judge_all(self.state)
        self.state.files.finish()
        endings.settle(self.state)
        if self.state.freed:
            self.state.freed = False
            self._claim.expire()

    def _fill_slots(self) -> None:
        asked_at = time.monotonic()
        claimed = claim_batch(self.claimant, self.free)
        for attempt in claimed:
            self.add(attempt).confirmed_at = asked_at
        if claimed:
            self.state.changed = True
            self._claim.expire()  # where these were, there may be more

    def _begin(self) -> None:
        for active in self.state.all():
            if not active.begun:
                orders.prepare(self.state, active)
            if active.ready_to_start:
                orders.start(self.state, active)
