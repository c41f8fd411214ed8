"""Orders of a runner: an attempt is prepared and started, what started is noted, and what runs is handed back."""

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings

from adapters.errors import AdapterError, MissingSecret
from adapters.process import ShimError
from jobs.services.accounts import node_secrets
from jobs.services.core import events
from jobs.services.execution import attempts, leases
from jobs.services.execution.active import Active
from jobs.services.execution.attempts import Outcome, Prepared
from jobs.services.execution.own_outcomes import failure, not_started
from jobs.services.execution.runner_state import RunnerState
from jobs.sql import attempts as rows
from jobs.sql.model_rows import to_json

HAND_BACK_GRACE_S = 5.0


def prepare(state: RunnerState, active: Active) -> None:
    """Build its command: `active.prepared` follows, or an outcome that says why it cannot run."""
    try:
        active.secrets = node_secrets.granted(active.attempt.job)
    except MissingSecret as refusal:
        active.begun = True
        _prepared(state, active, refusal)
        return
    since = attempts.first_start(active.attempt)
    active.begun = True
    state.do(active, partial(attempts.prepare, active.attempt, active.secrets, since), partial(_prepared, state))


def _prepared(state: RunnerState, active: Active, result: Any) -> None:
    if active.lost:
        return
    if isinstance(result, AdapterError):
        state.do(active, partial(attempts.reject, active.attempt, result), partial(_rejected, state))
    elif isinstance(result, Prepared):
        active.prepared = result
    else:
        active.outcome = failure(active, result)
    state.changed = True


def _rejected(state: RunnerState, active: Active, result: Any) -> None:
    active.outcome = result if isinstance(result, Outcome) else failure(active, result)
    state.changed = True


def start(state: RunnerState, active: Active) -> None:
    """Hand a prepared attempt to a keeper, unless it is not wanted any more."""
    prepared = active.prepared
    assert prepared is not None
    if active.cancelled or active.handed_back:
        active.outcome = not_started(active)
        return
    if time.monotonic() - active.confirmed_at > settings.ENGINE_WATCHDOG_S / 2:
        leases.extend(state)  # preparing took long: a runner that was taken for dead must not start anything
        if active.lost:
            return
    left_s = settings.ENGINE_WATCHDOG_S - (time.monotonic() - active.confirmed_at)
    spec = replace(prepared.spec, dead_man_s=max(0.1, left_s))
    try:
        active.keeper, active.running = state.pool.start(spec, active.attempt.job.repo_key)
    except (OSError, ShimError) as fault:
        active.outcome = failure(active, fault)


def note_starts(started: Iterable[Active]) -> None:
    """Command, commit and process ids: one statement for all."""
    actives = list(started)
    if not actives:
        return
    rows.start([_noted(active) for active in actives])
    for active in actives:
        active.noted = True
        prepared = active.prepared
        if prepared is not None:
            active.attempt.command, active.attempt.base_commit = prepared.command, prepared.base_commit
            attempts.note_freed_lock(active.attempt, prepared.freed_lock)
            if prepared.risks:
                number, job = active.attempt.number, active.attempt.job
                events.record("attempt.repository_config", job=job, attempt=number, findings=prepared.risks)


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


def hand_back(state: RunnerState) -> None:
    """The worker has to stop: end what runs, so that it runs again later."""
    for active in state.active.values():
        if not (active.handed_back or active.cancelled or active.lost):
            active.handed_back = True
            active.stop(min(HAND_BACK_GRACE_S, settings.ENGINE_CANCEL_GRACE_S))
