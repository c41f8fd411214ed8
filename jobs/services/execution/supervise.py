"""Supervise: the worker's loop around one shim: beats, log shipping, cancel, hand-back. It survives a database that is away."""

import logging
import select
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseFault

from adapters.process import Ending, Shim
from jobs import db
from jobs.errors import LostLease
from jobs.models import Job, StepAttempt
from jobs.queue import drain
from jobs.services.execution.claim import extend_lease
from jobs.services.execution.log_shipping import Shipper
from jobs.states import JobStatus

log = logging.getLogger("engine.supervise")
LOOK_S = 0.5  # how often a worker looks whether somebody cancelled; an order reaches the tool within this time
SETTLE_PATIENCE_S = 600.0
BURY_S = 10.0
FROZEN_S = 15.0


class Supervisor:
    """Watches one attempt from its start to its ending."""

    def __init__(
        self,
        attempt: StepAttempt,
        shim: Shim,
        on_output: Callable[[bytes], None] | None = None,
        bound_s: float | None = None,
    ) -> None:
        """`bound_s`: seconds after which a shim that should have stopped its tool is taken for frozen."""
        self.overdue_at = None if bound_s is None else time.monotonic() + bound_s
        self.attempt = attempt
        self.shim = shim
        self.shipper = Shipper(attempt, on_output)
        self.handed_back = False
        self._beat_at = time.monotonic()  # the claim was the first beat
        self._cancelled = False

    def watch(self) -> Ending:
        """Returns the ending. Raises LostLease after ending the tree."""
        pause = min(LOOK_S, settings.ENGINE_HEARTBEAT_S)
        look_at = 0.0
        while True:
            if self.shim.fileno() >= 0:
                select.select([self.shim], [], [], 0.05 if self.shipper.live else pause)
            ending = self._read_events()
            if ending is not None:
                self._quietly(partial(patiently, self.shipper.finish))
                return ending
            self._quietly(self.shipper.ship)
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + pause
                self._hand_back_if_told()
                self._quietly(self._look)
            if self.overdue_at is not None and time.monotonic() > self.overdue_at:
                self.shim.close()  # a frozen shim keeps no time: its tree is ended without it

    def _read_events(self) -> Ending | None:
        """A shim that died has been buried, its tree with it, when `wait` returns."""
        for event in self.shim.read():
            if event.get("event") == "started":
                self._quietly(partial(self._note_start, event))
        if self.shim.ending is None and self.shim.fileno() < 0:
            return self.shim.wait(BURY_S)
        return self.shim.ending

    def _note_start(self, event: dict[str, int]) -> None:
        rows = StepAttempt.objects.alive().filter(pk=self.attempt.pk, fence=self.attempt.fence)
        rows.update(tool_pid=event.get("pid"), shim_pid=event.get("shim_pid"))

    def _look(self) -> None:
        """One query tells whether we still own the attempt and whether somebody cancelled; a beat when it is due."""
        asked_at = time.monotonic()  # from before the question: the shim's timer must never run longer than the lease
        if asked_at - self._beat_at >= settings.ENGINE_HEARTBEAT_S:
            self._beat(asked_at)
        job = Job.objects.filter(pk=self.attempt.job_id).values("status", "fence", "cancel_grace_s").first()
        if job is None or job["fence"] != self.attempt.fence:
            self._lose()
        elif job["status"] == JobStatus.CANCELLING and not self._cancelled:
            grace = job["cancel_grace_s"]
            self._cancelled = self._ask_to_stop(settings.ENGINE_CANCEL_GRACE_S if grace is None else grace)
        watched = StepAttempt.objects.filter(pk=self.attempt.pk, watched_until__gt=db.now())
        self.shipper.watched = watched.exists()

    def _beat(self, asked_at: float) -> None:
        if not extend_lease(self.attempt, **self.shipper.totals()):
            self._lose()
        self._beat_at = asked_at
        self.shim.extend(max(0.1, settings.ENGINE_WATCHDOG_S - (time.monotonic() - asked_at)))

    def _lose(self) -> None:
        self.shim.kill()
        self.shim.wait(BURY_S)
        raise LostLease(f"Attempt {self.attempt.number} of job {self.attempt.job_id} has been taken over")

    def _hand_back_if_told(self) -> None:
        if drain.hand_back_now() and not self.handed_back and not self._cancelled:
            self.handed_back = self._ask_to_stop(min(5.0, settings.ENGINE_CANCEL_GRACE_S))

    def _ask_to_stop(self, grace_s: float) -> bool:
        """A shim that does not answer within the grace and a margin is taken for frozen."""
        overdue_at = time.monotonic() + grace_s + FROZEN_S
        self.overdue_at = overdue_at if self.overdue_at is None else min(self.overdue_at, overdue_at)
        return self.shim.cancel(grace_s)

    def _quietly(self, step: Callable[[], object]) -> None:
        """A database that is away costs beats, not the job: the shim's dead man decides how long that may last.

        So does a log that cannot be copied: what the tool did is done.
        """
        try:
            step()
        except DatabaseFault as fault:
            log.warning("attempt %s: the database is away (%s)", self.attempt.pk, fault)
            db.connection().close_if_unusable_or_obsolete()
        except OSError as fault:
            log.warning("attempt %s: its log cannot be copied (%s)", self.attempt.pk, fault)


def patiently(step: Callable[[], object]) -> None:
    """Do `step` although the database may be away for a while; what happened is in exit.json in any case."""
    deadline, pause = time.monotonic() + SETTLE_PATIENCE_S, 0.1
    while True:
        try:
            step()
            return
        except (DataError, IntegrityError):
            raise  # it is there, and will never take this
        except DatabaseFault:
            if time.monotonic() > deadline:
                raise
            log.warning("the database is away; settling again in %.1f s", pause)
            db.connection().close()
            time.sleep(pause)
            pause = min(2.0, pause * 2)
