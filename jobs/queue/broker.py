"""Our broker: serves ordinary q2 tasks, and hands out a token whenever the node has no runner, so none can be lost."""

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
from jobs.queue.node_lock import has_runner

log = logging.getLogger("engine.broker")
RUN_NEXT = "jobs.services.execution.execute.run_next"  # by dotted name: the queue stands below the services; a test resolves it
MONITOR = "jobs.services.maintenance.monitor.NodeMonitor"
TOKEN_S = 0.5  # after this time without a runner, another token is handed out
AGENT = "ENGINE_AGENT"  # set by our cluster command, whose main process owns the monitor


def token() -> str:
    """A synthetic task that makes its worker the node's runner. It is not stored anywhere and needs no acknowledgement."""
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
        self._issued_at = 0.0
        self._ticked_at = 0.0
        self._tick_monitor: Callable[[], None] | None = None

    def dequeue(self) -> list[tuple[int | None, str]] | None:
        try:
            if self.queue_size():
                tasks: list[tuple[int | None, str]] | None = super().dequeue()
                return tasks
            self._tick()
            if self._runner_missing():
                self._issued_at = time.monotonic()
                return [(None, token())]
        except DatabaseFault as fault:
            # Raised, this would cost the pusher ten seconds and its life.
            log.warning("the database is unavailable: %s", fault)
            db.connection().close()
        time.sleep(min(settings.ENGINE_POLL_S, TOKEN_S if self._issued_at else settings.ENGINE_POLL_S))
        return None

    def _runner_missing(self) -> bool:
        """Whether this node needs a runner and none has been asked for just now."""
        if drain.stopping() or time.monotonic() - self._issued_at < TOKEN_S:
            return False
        return not has_runner()

    def _tick(self) -> None:
        """Under the stock command no other process watches the node."""
        if AGENT not in os.environ and time.monotonic() - self._ticked_at >= 1:
            self._ticked_at = time.monotonic()
            # Made here, in the process that ticks: the broker itself is made before the fork.
            self._tick_monitor = self._tick_monitor or import_string(MONITOR)().tick
            self._tick_monitor()
