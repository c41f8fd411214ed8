"""The row of this host: its identity, its tools and its heartbeat."""

from importlib.metadata import PackageNotFoundError, version

from django.conf import settings

from adapters import registry
from adapters.process.sweep import alive, own_identity
from jobs import db
from jobs.errors import Refused
from jobs.models import Node
from jobs.services.core import events
from jobs.services.execution import confinement
from jobs.services.reading import installation
from jobs.sql import upkeep


def engine_version() -> str:
    try:
        return version("engine-jobs")
    except PackageNotFoundError:
        return "0"


def register() -> Node:
    """Write the row. Raises Refused when another cluster that is alive on this host has the same name."""
    pid, started = own_identity()
    with db.atomic():
        known = Node.objects.select_for_update().filter(name=settings.ENGINE_NODE).first()
        if known and known.stopped_at is None and known.pid != pid and alive(known.pid, known.pid_started):
            raise Refused(
                f"A cluster named {known.name} already runs here (process {known.pid}). Stop it, or give this "
                "one another name with ENGINE_NODE."
            )
        node, _ = Node.objects.update_or_create(
            name=settings.ENGINE_NODE,
            defaults={
                "host": settings.ENGINE_NODE,
                "pid": pid,
                "pid_started": started,
                "started_at": db.now(),
                "heartbeat_at": db.now(),
                "slots": settings.ENGINE_SLOTS,
                "queues": list(settings.ENGINE_QUEUES),
                "tools": tools(),
                "environment": {
                    **installation.of_this_process().as_json(),
                    "confinement": confinement.state()[1],
                },
                "stopped_at": None,
                "draining": False,
                "version": engine_version(),
            },
        )
        events.record("worker.started", worker=node.name, slots=node.slots)
    return node


def tools() -> dict[str, dict[str, object]]:
    """What each tool looks like on this host."""
    return {name: adapter.get_tool_info() for name, adapter in registry.adapters().items()}


def heartbeat() -> None:
    upkeep.heartbeat(settings.ENGINE_NODE, db.now())


def sign_off() -> None:
    with db.atomic():
        Node.objects.filter(name=settings.ENGINE_NODE).update(stopped_at=db.now(), heartbeat_at=db.now())
        events.record("worker.stopped", worker=settings.ENGINE_NODE)
