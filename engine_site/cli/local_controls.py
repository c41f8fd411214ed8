"""Operators' controls on the local database, through the services."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters import registry
from engine_site.cli.kinds import Kind
from engine_site.cli.local_records import as_row
from jobs.api.error_groups import ErrorOut
from jobs.api.queues import QueueOut
from jobs.api.tools import ToolOut
from jobs.api.workers import WorkerOut
from jobs.api.workstreams import WorkstreamOut
from jobs.errors import NotFound
from jobs.models import ErrorGroup, Node, Workstream
from jobs.services.operations import controls
from jobs.services.reading.queue_status import find_queue
from jobs.services.reading.tool_status import find_tool
from jobs.services.reading.viewer import UNRESTRICTED
from jobs.services.reading.worker_status import nodes_with_running


class LocalControls:
    by: str

    def control(self, kind: Kind, name: str, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        do: dict[Kind, Callable[[str, str, Mapping[str, Any]], dict[str, Any]]] = {
            Kind.QUEUE: self._queue,
            Kind.TOOL: self._tool,
            Kind.WORKER: self._worker,
            Kind.WORKSTREAM: self._workstream,
            Kind.ERROR: self._error,
        }
        return do[kind](name, verb, order)

    def _queue(self, name: str, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        service: dict[str, Callable[..., object]] = {
            "pause": controls.pause_queue,
            "resume": controls.resume_queue,
            "limit": controls.limit_queue,
        }
        service[verb](name, by=self.by, **order)
        return as_row(find_queue(UNRESTRICTED, name), QueueOut)

    def _tool(self, name: str, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        if find_tool(UNRESTRICTED, name) is None:
            raise NotFound(f"Unknown tool {name}; known tools: {', '.join(sorted(registry.adapters()))}.")
        service: dict[str, Callable[..., object]] = {
            "pause": controls.pause_tool,
            "resume": controls.resume_tool,
            "limit": controls.limit_tool,
            "close-circuit": controls.close_circuit,
            "try": controls.try_tool_now,
        }
        service[verb](name, by=self.by, **order)
        return as_row(find_tool(UNRESTRICTED, name), ToolOut)

    def _worker(self, name: str, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        node = Node.objects.filter(name=name).first()
        if node is None:
            raise NotFound(f"Worker {name} not found.")
        if verb == "forget":
            controls.forget_node(node, by=self.by)
            return {"name": name}
        controls.drain_node(node, by=self.by, draining=verb == "drain")
        return as_row(nodes_with_running(UNRESTRICTED).get(pk=node.pk), WorkerOut)

    def _workstream(self, name: str, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        row = Workstream.objects.filter(ws_id=name).order_by("-pk").first()
        if row is None:
            raise NotFound(f"Workstream {name} not found.")
        if verb == "lock":
            return as_row(controls.lock_workstream(row, by=self.by, **order), WorkstreamOut)
        return as_row(controls.unlock_workstream(row, by=self.by), WorkstreamOut)

    def _error(self, name: str, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        group = ErrorGroup.objects.filter(signature=name).first()
        if group is None:
            raise NotFound(f"Error group {name} not found.")
        service: dict[str, Callable[..., ErrorGroup]] = {
            "resolve": controls.resolve_error,
            "mute": controls.mute_error,
            "reopen": controls.reopen_error,
        }
        return as_row(service[verb](group, by=self.by, **order), ErrorOut)
