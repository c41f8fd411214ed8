"""Handover: a planned restart of the worker leaves running tools to their keepers, and the next runner takes them over.

What cannot be held, or is not taken over in time, is stopped and runs again, as after any stop.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils.crypto import salted_hmac

from adapters.errors import MissingSecret
from adapters.process import Keeper
from adapters.process.adoption import NotAdopted, adopt, is_held, remove_socket, remove_stale, socket_path
from adapters.process.sweep import Identity, alive, read_ending, read_pids
from jobs import db
from jobs.models import StepAttempt
from jobs.queue.node_lock import directory
from jobs.services.accounts import node_secrets
from jobs.services.execution import leases
from jobs.services.execution.active import Active
from jobs.services.execution.claim import Claimant
from jobs.services.execution.endings import read_keepers
from jobs.services.execution.log_shipping import LogCopy, ship
from jobs.services.execution.runner_state import RunnerState
from jobs.sql import attempts as rows

log = logging.getLogger("engine.runner")
MARGIN_S = 3.0  # between the end of a hold and the watchdogs, which would end the tools anyway
ANSWER_S = 3.0

Keepers = dict[tuple[Identity, Identity], list[StepAttempt]]  # by the identities of keeper and guard


def hand_back_unstarted(state: RunnerState) -> None:
    for active in state.active.values():
        if active.running is None and active.outcome is None and not (active.cancelled or active.lost):
            active.handed_back = True


def can_hold(state: RunnerState) -> bool:
    """Whether everything runs, or has been settled: nothing is between two steps."""
    return all(
        active.running is not None and active.noted and active.ending is None and not active.lost
        for active in state.active.values()
    )


def hold(state: RunnerState) -> None:
    """Tell the keepers to go on alone, and let go of those that agree. Their logs are stored up to here."""
    ship([active.log for active in state.active.values()])
    leases.extend(state)
    seconds = max(0.0, settings.ENGINE_WATCHDOG_S - MARGIN_S)
    directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    asked = [keeper for keeper in state.pool.keepers if keeper.running and keeper.wait_until_ready()]
    for keeper in asked:
        shim = keeper.identities["shim_pid"], keeper.identities["shim_starttime"]
        keeper.hold(seconds, str(socket_path(directory(), shim)), _secret(shim))
    until = time.monotonic() + ANSWER_S
    while not all(keeper.holds or keeper.gone for keeper in asked) and time.monotonic() < until:
        read_keepers(state)
        time.sleep(0.01)
    held = [keeper for keeper in asked if keeper.holds and not keeper.gone]
    log.info("%d attempts go on under %d keepers, for the next runner", sum(len(k.running) for k in held), len(held))
    for keeper in held:
        state.pool.leave(keeper)


def take_over(state: RunnerState, claimant: Claimant) -> None:
    """Make the attempts of this node that the last runner left to their keepers those of this one."""
    remove_stale(directory())
    for (shim, guard), attempts in _held(claimant).items():
        try:
            keeper = adopt(directory(), shim, guard, _secret(shim), {a.marker: str(a.directory) for a in attempts})
        except NotAdopted as refusal:
            log.warning("%s Its attempts run again.", refusal)
            continue
        _take(state, claimant, keeper, attempts)
        remove_socket(directory(), shim)


def _held(claimant: Claimant) -> Keepers:
    alive_here = StepAttempt.objects.alive().filter(node=claimant.node, host=claimant.host)
    found: Keepers = defaultdict(list)
    for attempt in alive_here.exclude(worker_pid=None).select_related("job__workstream"):
        pids = read_pids(attempt.directory)
        if pids and not alive(attempt.worker_pid or 0, attempt.worker_started or 0):
            shim = int(pids["shim_pid"]), int(pids["shim_starttime"])
            if is_held(directory(), shim):
                found[shim, (int(pids["guard_pid"]), int(pids["guard_starttime"]))].append(attempt)
    return found


def _take(state: RunnerState, claimant: Claimant, keeper: Keeper, attempts: Sequence[StepAttempt]) -> None:
    asked_at = time.monotonic()
    until = db.now() + timedelta(seconds=settings.ENGINE_LEASE_S)
    held = [(a.pk, a.fence, a.worker_pid or 0, a.worker_started or 0) for a in attempts]
    ours = rows.take_over(held, claimant.pid, claimant.pid_started, until)
    running = {one.marker: one for one in keeper.running.values()}
    for attempt in attempts:
        active = Active.of(attempt)
        active.running, active.keeper = running.pop(attempt.marker, None), keeper
        if attempt.pk not in ours:
            active.stop(0.0, cause="lifeline")  # another process has closed it
            continue
        attempt.worker_pid, attempt.worker_started = claimant.pid, claimant.pid_started
        ending = None if active.running else read_ending(attempt.directory)
        if active.running is None and ending is None:
            log.error("%s is not known to its keeper; it is lost when its lease ends", active.name)
            continue
        active.begun = active.noted = True
        active.secrets, active.confirmed_at = _secrets(attempt), asked_at
        active.log = LogCopy.resumed(attempt)
        active.ending = ending
        state.active[attempt.pk] = active
    state.pool.adopt(keeper, attempts[0].job.repo_key)
    for unknown in running.values():
        keeper.stop(unknown, 0.0, cause="lifeline")
    keeper.heartbeat(max(0.1, settings.ENGINE_WATCHDOG_S - (time.monotonic() - asked_at)))
    state.changed = True
    log.info("%d attempts were taken over from the last runner", len(ours))


def _secrets(attempt: StepAttempt) -> dict[str, str]:
    try:
        return node_secrets.granted(attempt.job)
    except MissingSecret:
        return {}  # without them only masking inside the verdict is less sure


def _secret(shim: Identity) -> str:
    """What the next runner says to this keeper. It follows from the site's key, so nothing is stored."""
    return salted_hmac("engine.keeper", f"{shim[0]} {shim[1]}", algorithm="sha256").hexdigest()
