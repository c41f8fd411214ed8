"""Execute: what a worker does with one claimed attempt, from its command to its settled end."""

import logging
from collections.abc import Callable
from contextlib import suppress

from django.db import Error as DatabaseFault

from adapters.errors import AdapterError
from adapters.process import Ending, Shim, ShimError
from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import LostLease
from jobs.models import StepAttempt
from jobs.queue import drain
from jobs.services.execution import attempts
from jobs.services.execution.attempts import Outcome
from jobs.services.execution.claim import Claimant, claim_next
from jobs.services.execution.supervise import Supervisor, patiently
from jobs.services.outcome.settle import settle

log = logging.getLogger("engine.execute")
_shims: list[Shim] = []  # at most one: started ahead, so that a claimed job need not wait for an interpreter


def run_next() -> None:
    """What a wake-up calls: run claimable jobs until none is left or the worker is told to stop."""
    claimant = Claimant.this_process()
    while not drain.stopping():
        prewarm()
        drain.busy = True
        try:
            attempt = claim_next(claimant)
            if attempt is None:
                return
            execute(attempt)
        except DatabaseFault as fault:
            # If the claim went through unheard, nobody beats for it, and it is lost and run again after its lease.
            log.warning("the database is away: %s", fault)
            db.connection().close()
            return
        finally:
            drain.busy = False


def prewarm() -> None:
    """Have an idle shim ready."""
    _shims[:] = [shim for shim in _shims if shim.alive]
    if not _shims:
        _shims.append(Shim.spawn())


def discard_shims() -> None:
    while _shims:
        _shims.pop().close()


def execute(attempt: StepAttempt, on_output: Callable[[bytes], None] | None = None) -> Ending | None:
    """Run the attempt to its end and settle it. Every way out leaves the attempt closed or in other hands."""
    try:
        return _run(attempt, on_output)
    except AdapterError as refusal:
        _close(attempt, attempts.refuse(attempt, refusal))
    except LostLease as lost:
        log.warning("%s; its processes were ended and nothing more is written", lost)
    except (OSError, ShimError) as fault:
        _close(attempt, Outcome(Verdict(Reason.INFRA, f"Engine could not run it: {fault}", "prepare")))
    except Exception as defect:
        log.exception("attempt %s met a defect", attempt.pk)
        _close(attempt, Outcome(Verdict(Reason.INFRA, f"Engine met a defect: {defect!r}", "defect")))
    return None


def _run(attempt: StepAttempt, on_output: Callable[[bytes], None] | None) -> Ending:
    begun = attempts.begin(attempt)
    spec = begun.spec
    with _shims.pop() if _shims else Shim.spawn() as shim:
        shim.start(spec)
        with suppress(OSError, ShimError):
            prewarm()  # the next job's shim starts while this one's tool does
        watcher = Supervisor(attempt, shim, on_output, bound_s=spec.timeout_s and spec.timeout_s + spec.grace_s + 30)
        ending = watcher.watch()
    if watcher.handed_back and ending.ended_by == "cancel":  # it may have ended by itself just before
        outcome = Outcome(Verdict(Reason.LOST, "Handed back: the worker was told to stop.", "shutdown"))
    else:
        outcome = attempts.conclude(attempt, ending, begun.secrets)
    _close(attempt, outcome, ending)
    return ending


def _close(attempt: StepAttempt, outcome: Outcome, ending: Ending | None = None) -> None:
    try:
        patiently(
            lambda: settle(
                attempt, outcome.verdict, ending, head_commit=outcome.head_commit, error_report=outcome.error_report
            )
        )
    except LostLease as lost:
        log.warning("%s", lost)
