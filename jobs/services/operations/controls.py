"""Controls of an operator: queues, tools, workstreams, workers and error groups."""

from datetime import datetime
from typing import Any

from django.db.models import F

from jobs import db
from jobs.errors import NotFound, WrongState
from jobs.models import ErrorGroup, Node, QueueControl, ToolControl, Workstream
from jobs.queue.wake import wake
from jobs.services.core import events
from jobs.services.core.private_queue import is_private
from jobs.services.core.sanitize import text
from jobs.services.outcome.circuit_breaker import open_circuit
from jobs.states import CircuitState, ErrorState


def pause_queue(name: str, *, by: str, reason: str = "") -> QueueControl:
    return _set_queue(name, "queue.paused", by, paused=True, paused_reason=text(reason)[:200])


def resume_queue(name: str, *, by: str) -> QueueControl:
    return _set_queue(name, "queue.resumed", by, paused=False, paused_reason="")


def limit_queue(name: str, limit: int | None, *, by: str) -> QueueControl:
    return _set_queue(name, "queue.limited", by, limit=limit)


def _set_queue(name: str, event: str, by: str, **fields: Any) -> QueueControl:
    if is_private(name):
        raise NotFound(f"Queue {name} not found.")
    with db.atomic():
        before = QueueControl.objects.select_for_update().filter(name=name).values(*fields).first()
        control, _ = QueueControl.objects.update_or_create(name=name, defaults=fields)
        events.record(event, by=by, queue=name, before=before or {}, **fields)
        db.on_commit(wake)
    return control


def pause_tool(name: str, *, by: str, reason: str = "") -> ToolControl:
    return _set_tool(name, "tool.paused", by, paused=True, paused_reason=text(reason)[:200])


def resume_tool(name: str, *, by: str) -> ToolControl:
    return _set_tool(name, "tool.resumed", by, paused=False, paused_reason="")


def limit_tool(name: str, limit: int | None, *, by: str) -> ToolControl:
    return _set_tool(name, "tool.limited", by, limit=limit)


def close_circuit(name: str, *, by: str) -> ToolControl:
    """Trust the tool again, by hand."""
    return _set_tool(
        name, "tool.circuit_closed", by, circuit=CircuitState.CLOSED, failures=0, opened_at=None, retry_at=None
    )


def try_tool_now(name: str, *, by: str) -> ToolControl:
    """Let one trial start although the circuit is open."""
    return _set_tool(name, "tool.trial", by, retry_at=db.now())


def trip_circuit(name: str, *, by: str) -> ToolControl:
    with db.atomic():
        control, _ = ToolControl.objects.select_for_update().get_or_create(name=name)
        open_circuit(control, by=by)
        control.save()
    return control


def _set_tool(name: str, event: str, by: str, **fields: Any) -> ToolControl:
    with db.atomic():
        before = ToolControl.objects.select_for_update().filter(name=name).values(*fields).first()
        control, _ = ToolControl.objects.update_or_create(name=name, defaults=fields)
        events.record(event, by=by, tool=name, before=_plain(before or {}), **_plain(fields))
        db.on_commit(wake)
    return control


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def lock_workstream(workstream: Workstream, *, by: str, reason: str = "") -> Workstream:
    return _set_lock(workstream, by, True, text(reason)[:200])


def unlock_workstream(workstream: Workstream, *, by: str) -> Workstream:
    return _set_lock(workstream, by, False, "")


def _set_lock(workstream: Workstream, by: str, locked: bool, reason: str) -> Workstream:
    with db.atomic():
        # A lock holds for the line of work, whatever run names it.
        rows = Workstream.objects.filter(ws_id=workstream.ws_id)
        rows.update(locked=locked, locked_reason=reason, updated_at=db.now())
        events.record(
            "workstream.locked" if locked else "workstream.unlocked",
            run_id=workstream.run_id,
            ws_id=workstream.ws_id,
            by=by,
            reason=reason,
        )
    workstream.refresh_from_db()
    return workstream


def drain_node(node: Node, *, by: str, draining: bool = True) -> Node:
    """A draining node finishes what it runs and claims nothing more."""
    with db.atomic():
        Node.objects.filter(pk=node.pk).update(draining=draining)
        events.record("worker.draining" if draining else "worker.resumed", by=by, worker=node.name)
        db.on_commit(wake)
    node.refresh_from_db()
    return node


def forget_node(node: Node, *, by: str) -> None:
    if node.is_alive:  # one that crashed could not sign off
        raise WrongState(f"Worker {node.name} has not stopped; drain and stop it first.")
    with db.atomic():
        events.record("worker.forgotten", by=by, worker=node.name)
        node.delete()


def resolve_error(group: ErrorGroup, *, by: str) -> ErrorGroup:
    return _set_error(group, "error.resolved", by, state=ErrorState.RESOLVED, resolved_at=db.now(), regressed_at=None)


def reopen_error(group: ErrorGroup, *, by: str) -> ErrorGroup:
    return _set_error(group, "error.reopened", by, state=ErrorState.OPEN, muted_until=None, muted_until_count=None)


def mute_error(group: ErrorGroup, *, by: str, until: datetime | None = None, more: int | None = None) -> ErrorGroup:
    """Keep quiet until a time, or until it was seen `more` times again."""
    limit = F("count") + more if more else None
    return _set_error(group, "error.muted", by, state=ErrorState.MUTED, muted_until=until, muted_until_count=limit)


def _set_error(group: ErrorGroup, event: str, by: str, **fields: Any) -> ErrorGroup:
    with db.atomic():
        if not ErrorGroup.objects.filter(pk=group.pk).update(**fields):
            raise NotFound("This error group no longer exists.")
        events.record(
            event, by=by, signature=group.signature, message=group.message[:120], old=group.state, new=fields["state"]
        )
    group.refresh_from_db()
    return group
