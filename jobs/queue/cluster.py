"""The cluster: django-q2's pool under a main process that never loses it, is the node's agent, and stops within a bound."""

import logging
import os
import signal
import time
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any

import django_q.cluster
from django import db as django_db
from django.conf import settings
from django.db import Error as DatabaseFault
from django_q.signals import post_spawn

from jobs import db
from jobs.models import StepAttempt
from jobs.queue import drain
from jobs.queue.broker import AGENT
from jobs.queue.node_lock import has_runner
from jobs.queue.notifier import notify
from jobs.queue.restart import RESTART
from jobs.queue.robust import RobustQueue, RobustSentinel, die_with_parent, fork_process
from jobs.queue.slots import startable

log = logging.getLogger("engine.cluster")
TICK_S = 1.0
HOLD_TIMEOUT_S = 15.0  # for the runner to settle what has just ended, and to let go
STALL_S = 15.0  # claimable work, a free slot and no claim for so long: the pool is wedged and is replaced


class EngineCluster:
    """Runs in the foreground until a signal. First SIGTERM or SIGINT: drain, then hand back. Second: stop at once.

    SIGUSR2 is a planned restart: tools run on under their keepers, and the next cluster of this node takes them over.
    """

    def __init__(self, *, on_tick: Callable[[], object]) -> None:
        self.on_tick = on_tick
        self.sentinel: Any = None
        self._signals = 0
        self.restarts = False  # it was told to make room for the next one: what runs is left to its keepers
        self._idle_since: float | None = None
        self._claims = -1
        os.environ[AGENT] = "1"
        django_q.cluster.Queue = RobustQueue  # type: ignore[attr-defined,assignment]
        post_spawn.connect(prepare_worker, weak=False, dispatch_uid="engine-worker")

    def run(self) -> None:
        die_with_parent()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(RESTART, self._on_restart)
        self._start_sentinel()
        tick_at = 0.0
        while not self._signals and not self.restarts:
            if time.monotonic() >= tick_at:
                tick_at = time.monotonic() + TICK_S
                self._tick()
            self.sentinel.join(0.1)
            if not self.sentinel.is_alive() and not self._signals and not self.restarts:
                log.error("the pool's sentinel died (exit code %s); a new one starts", self.sentinel.exitcode)
                self._start_sentinel()
        if not self.restarts or not self._hold():
            self._stop()

    def _on_restart(self, number: int, frame: FrameType | None) -> None:
        if not self._signals:
            self.restarts = True
            drain.set_stage(drain.HOLD)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Only bytes and counters: nothing in here can wait for a lock."""
        self._signals += 1
        self.restarts = False
        drain.set_stage(drain.DRAIN)
        if self._signals > 1:
            drain.set_stage(drain.HAND_BACK)

    def _start_sentinel(self) -> None:
        django_db.connections.close_all()
        context = django_q.cluster.get_mp_context()
        self.sentinel = fork_process(
            RobustSentinel, context.Event(), context.Event(), uuid.uuid4(), None, settings.Q_CLUSTER["timeout"]
        )
        self._idle_since = None

    def _tick(self) -> None:
        try:
            self.on_tick()
            self._watch_pool()
        except DatabaseFault as fault:
            log.warning("the database is away: %s", fault)
            db.connection().close()
        except Exception:
            log.exception("the node's maintenance failed; it is tried again in a second")

    def _watch_pool(self) -> None:
        """The only check that sees a pool which looks alive and takes nothing."""
        claims = StepAttempt.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        if claims != self._claims or not startable():
            self._claims, self._idle_since = claims, None
            return
        self._idle_since = self._idle_since or time.monotonic()
        if time.monotonic() - self._idle_since > STALL_S:
            log.error("work has waited for %.0f s and no worker took it; the pool is replaced", STALL_S)
            os.kill(self.sentinel.pid, signal.SIGKILL)  # its workers die with it
            self.sentinel.join(5)

    def _hold(self) -> bool:
        """Whether the runner has left what runs to its keepers. False: a stop was asked for, or it did not answer."""
        notify()
        deadline = time.monotonic() + HOLD_TIMEOUT_S
        while has_runner():
            if time.monotonic() >= deadline or self._signals:
                drain.set_stage(drain.HAND_BACK)
                return False
            time.sleep(0.05)
        self._end_pool()
        return True

    def _stop(self) -> None:
        """Let running jobs finish for the grace time, hand the rest back, then end the pool: always within the bound."""
        notify()  # the runner waits for notifications, and reads the stage when it gets one
        grace, hand_back = settings.ENGINE_STOP_GRACE_S, settings.ENGINE_CANCEL_GRACE_S + 10
        if not self._wait_until_idle(grace, until_signal=2):
            drain.set_stage(drain.HAND_BACK)
            notify()
            self._wait_until_idle(hand_back, until_signal=3)
        self._end_pool()

    def _end_pool(self) -> None:
        os.kill(self.sentinel.pid, signal.SIGKILL)
        self.sentinel.join(5)

    def _wait_until_idle(self, seconds: float, *, until_signal: int) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._signals < until_signal:
            if not self.sentinel.is_alive() or not self._busy():
                return True
            time.sleep(0.1)
        return not self._busy()

    def _busy(self) -> bool:
        try:
            alive = StepAttempt.objects.alive().filter(node=settings.ENGINE_NODE, worker_pid__isnull=False)
            return bool(alive.exists())
        except DatabaseFault:
            db.connection().close()
            return True  # unknown: wait for the bound


def prepare_worker(**_: object) -> None:
    """In each new worker: a signal to the whole group must not take its job away; q2's own time-outs still may."""

    def on_term(number: int, frame: FrameType | None) -> None:
        if not drain.busy and not drain.stopping():
            os._exit(0)

    signal.signal(signal.SIGTERM, on_term)
