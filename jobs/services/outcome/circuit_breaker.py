"""The circuit breaker of a tool: after several infrastructure failures in a row nothing starts until a trial succeeds."""

from datetime import timedelta

from django.conf import settings

from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.models import ToolControl
from jobs.services.core import events
from jobs.states import CircuitState

# The tool itself cannot work: missing, or without a valid key. A wrong directory is the job's own fault.
BLAMES_TOOL = frozenset({Reason.INFRA, Reason.AUTH})


def note_outcome(tool: str, verdict: Verdict) -> None:
    """Count what this outcome says about the tool. Part of the attempt's own final transaction."""
    if verdict.reason in (Reason.CANCELLED, Reason.LOST):
        _unfinished_trial(tool)
        return
    if verdict.reason not in BLAMES_TOOL or verdict.details.get("blames") == "job":
        _close(tool)
        return
    control, _ = ToolControl.objects.select_for_update().get_or_create(name=tool)
    control.failures += 1
    control.last_failure = verdict.summary[:300]
    trial_failed = control.circuit == CircuitState.HALF_OPEN
    if trial_failed or (
        control.circuit == CircuitState.CLOSED and control.failures >= settings.ENGINE_CIRCUIT_FAILURES
    ):
        open_circuit(control, by="engine")
    control.save()


def open_circuit(control: ToolControl, *, by: str) -> None:
    control.circuit = CircuitState.OPEN
    control.opened_at = db.now()
    control.retry_at = db.now() + timedelta(seconds=settings.ENGINE_CIRCUIT_OPEN_S)
    events.record(
        "tool.circuit_opened", by=by, tool=control.name, failures=control.failures, because=control.last_failure
    )


def _close(tool: str) -> None:
    changed = ToolControl.objects.filter(name=tool).exclude(circuit=CircuitState.CLOSED, failures=0)
    was_shut = changed.exclude(circuit=CircuitState.CLOSED).exists()
    if changed.update(circuit=CircuitState.CLOSED, failures=0, opened_at=None, retry_at=None) and was_shut:
        events.record("tool.circuit_closed", tool=tool)


def _unfinished_trial(tool: str) -> None:
    """A trial that told nothing: the next one may start at once."""
    trial = ToolControl.objects.filter(name=tool, circuit=CircuitState.HALF_OPEN)
    trial.update(circuit=CircuitState.OPEN, retry_at=db.now())
