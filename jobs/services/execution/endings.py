"""Endings of a runner's attempts: what keepers report is judged by the adapter and settled in batches."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

from adapters.process import EndedBy, Ending, Event, Keeper
from jobs.errors import LostLease
from jobs.services.execution import attempts, orders
from jobs.services.execution.active import Active
from jobs.services.execution.attempts import Outcome
from jobs.services.execution.file_work import is_quick
from jobs.services.execution.leases import drop_lost
from jobs.services.execution.own_outcomes import HANDED_BACK, failure
from jobs.services.execution.runner_state import UNAVAILABLE, RunnerState
from jobs.services.outcome.settle_batch import Ended, settle_batch

log = logging.getLogger("engine.runner")


def read_keepers(state: RunnerState) -> None:
    """Take the events of all keepers; one that has died is replaced."""
    by_running = {id(active.running): active for active in state.active.values() if active.running}
    for keeper in list(state.pool.keepers):
        for event in keeper.poll():
            if active := by_running.get(id(event.running)):
                _take(state, active, event)
        if keeper.gone:
            _replace(state, keeper, by_running)


def _take(state: RunnerState, active: Active, event: Event) -> None:
    if event.kind == "started":
        active.pids = {"tool_pid": event.content.get("pid", 0), "shim_pid": event.content.get("shim_pid", 0)}
        state.changed = True
    elif event.kind == "exit":
        _take_ending(state, active)


def _replace(state: RunnerState, keeper: Keeper, by_running: dict[int, Active]) -> None:
    log.error("keeper %s died; what it ran is settled as it ended", keeper.identities.get("shim_pid", 0))
    for running in state.pool.replace(keeper):
        if active := by_running.get(id(running)):
            _take_ending(state, active)


def _take_ending(state: RunnerState, active: Active) -> None:
    assert active.running is not None
    active.ending = active.running.ending
    state.changed = True
    if active.lost:
        drop_lost(state, active)
    elif active.handed_back and active.ending and active.ending.ended_by is EndedBy.CANCEL:  # not by itself just before
        active.outcome = HANDED_BACK


def judge_all(state: RunnerState) -> None:
    for active in state.all():
        if active.ending is not None and active.ready_to_judge:
            _judge(state, active, active.ending)


def _judge(state: RunnerState, active: Active, ending: Ending) -> None:
    # The query comes first: if the database is away, the next turn asks again.
    shared = not is_quick(active) and attempts.shares_its_tree(active.attempt)
    active.judging = True
    step = partial(attempts.judge, active.attempt, ending, active.secrets, tree_is_shared=shared)
    state.do(active, step, partial(_judged, state))


def _judged(state: RunnerState, active: Active, result: Any) -> None:
    active.outcome = result if isinstance(result, Outcome) else failure(active, result)
    state.changed = True


def settle(state: RunnerState) -> None:
    """Write all outcomes that are known."""
    done = [active for active in state.active.values() if active.outcome is not None]
    if not done:
        return
    orders.note_starts(active for active in done if active.running and not active.noted)
    for active in done:
        if active.outcome is not None and active.outcome.freed_lock:
            attempts.note_freed_lock(active.attempt, active.outcome.freed_lock)
            active.outcome = replace(active.outcome, freed_lock="")
    for active, refusal in zip(done, _settled(done), strict=True):
        _after_settling(state, active, refusal)
    state.changed = state.freed = True


def _after_settling(state: RunnerState, active: Active, refusal: Exception | None) -> None:
    if refusal is None or isinstance(refusal, LostLease):
        if refusal is not None:
            log.warning("%s", refusal)
        active.log.tell()
        state.drop(active)
    elif active.unsettled:
        log.error("%s cannot be settled; it is lost when its lease ends", active.name)
        state.drop(active)
    else:  # the next turn writes less
        active.unsettled, active.outcome = True, failure(active, refusal)


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
