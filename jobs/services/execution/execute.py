"""Execute: what a worker process does for a wake-up, and how one claimed attempt is run to its end."""

import os
import time
from collections.abc import Callable

from adapters.process import Ending
from jobs.models import StepAttempt
from jobs.queue import drain
from jobs.queue.broker import AGENT
from jobs.queue.node_lock import NodeLock
from jobs.queue.wake import stock_broker
from jobs.services.execution.claim import Claimant
from jobs.services.execution.runner import Runner

TURN_TIMEOUT_S = 1.0
IDLE_S = 2.0  # a stock pool waits for its workers when it stops, and has other tasks: an idle runner gives one back


def run_next() -> None:
    """What a wake-up calls: be this node's runner, unless another process is, until the worker is told to stop."""
    with NodeLock() as held:
        if held:
            _run(Claimant.this_process())


def _run(claimant: Claimant) -> None:
    with Runner(claimant) as runner:
        if not drain.stopping():
            runner.take_over()
        idle_since = time.monotonic()
        stock = stock_broker() or AGENT not in os.environ
        while runner.active or not drain.stopping():
            runner.turn(TURN_TIMEOUT_S)
            drain.busy = bool(runner.active)
            if drain.holding() and runner.hold():
                return
            if runner.active:
                idle_since = time.monotonic()
            elif stock and time.monotonic() - idle_since > IDLE_S:
                return


def execute(attempt: StepAttempt, on_output: Callable[[bytes], None] | None = None) -> Ending | None:
    """Run one claimed attempt to its end and settle it. Every way out leaves it closed or in other hands.

    Returns its ending, or None if nothing was started or it was lost.
    """
    claimant = Claimant.this_process(queues=[], node=attempt.node, slots=1)
    with Runner(claimant, on_output) as runner:
        active = runner.add(attempt)
        while runner.active:
            runner.turn(TURN_TIMEOUT_S, claim=False)
    return None if active.lost else active.ending
