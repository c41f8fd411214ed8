"""Our broker: serves ordinary q2 tasks, and derives wake-ups for jobs from the job table, so none can be lost."""

import logging
import os
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault
from django.utils.module_loading import import_string
from django_q.brokers.orm import ORM
from django_q.signing import SignedPackage

from jobs import db
from jobs.queue import drain
from jobs.queue.notifier import Listener
from jobs.queue.slots import startable

log = logging.getLogger("engine.broker")
RUN_NEXT = "jobs.services.execution.execute.run_next"  # by dotted name: the queue stands below the services; a test resolves it
MONITOR = "jobs.services.maintenance.monitor.NodeMonitor"
TOKEN_S = 0.25  # a token that nobody took within this time is made anew
AGENT = "ENGINE_AGENT"  # set by our cluster command, whose main process owns the monitor


def token() -> str:
    """A synthetic task that claims and runs jobs. It is not stored anywhere and needs no acknowledgement."""
    return str(
        SignedPackage.dumps(
            {
                "id": os.urandom(16).hex(),
                "name": "run-next",
                "func": RUN_NEXT,
                "args": (),
                "kwargs": {},
                "started": db.now(),
                "timeout": -1,
                "save": False,
                "cached": False,
                "sync": False,
                "group": None,
            }
        )
    )


class EngineBroker(ORM):  # type: ignore[misc]
    """Used by `Q_CLUSTER["broker_class"]`; works under the stock `qcluster` command as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._listener: Listener | None = None
        self._listener_pid = 0
        self._issued: list[float] = []
        self._ticked_at = 0.0
        self._tick_monitor: Callable[[], None] | None = None

    def dequeue(self) -> list[tuple[int | None, str]] | None:
        try:
            if self.queue_size():
                tasks: list[tuple[int | None, str]] | None = super().dequeue()
                return tasks
            self._tick()
            if self._token_due():
                self._issued.append(time.monotonic())
                return [(None, token())]
            if self._ear().wait(TOKEN_S if self._issued else settings.ENGINE_POLL_S):
                self._issued.clear()  # something changed: what was handed out before may have been used up
        except DatabaseFault as fault:
            # Raised, this would cost the pusher ten seconds and its life.
            log.warning("the database is away: %s", fault)
            db.connection().close()
            time.sleep(settings.ENGINE_POLL_S)
        return None

    def _token_due(self) -> bool:
        """Whether a free slot and a job that may start wait for each other."""
        self._issued = [at for at in self._issued if time.monotonic() - at < TOKEN_S]
        if drain.stopping():
            return False
        return startable(len(self._issued) + 1) > len(self._issued)

    def _ear(self) -> Listener:
        # The broker is made before the fork; the ear belongs to the process that listens.
        if self._listener is None or self._listener_pid != os.getpid():
            self._listener, self._listener_pid = Listener(), os.getpid()
        return self._listener

    def _tick(self) -> None:
        """Under the stock command no other process watches the node."""
        if AGENT not in os.environ and time.monotonic() - self._ticked_at >= 1:
            self._ticked_at = time.monotonic()
            # Made here, in the process that ticks: the broker itself is made before the fork.
            self._tick_monitor = self._tick_monitor or import_string(MONITOR)().tick
            self._tick_monitor()
