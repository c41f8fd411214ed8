"""Queues, tools and workers: what operators set."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.access import actor_of
from jobs.admin.base import Operated, each, list_link, page_of
from jobs.models import Job, Node, QueueControl, StepAttempt, ToolControl
from jobs.services.operations import controls
from jobs.services.reading.worker_status import nodes_with_running, state_of


class Control(Operated):
    """The rows are changed by actions, so that each change is checked and recorded, and wakes the workers."""

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]


@admin.register(QueueControl)
class QueueAdmin(Control):
    list_display = ("name", "paused", "paused_reason", "limit", "jobs_link")
    list_filter = ("paused",)
    search_fields = ("name",)
    actions = ("pause", "resume", "unlimit")

    def view_on_site(self, obj: QueueControl) -> str:
        return page_of("queue", name=obj.name)

    @admin.display(description="jobs")
    def jobs_link(self, row: QueueControl) -> str:
        return list_link(Job, "Jobs", queue__exact=row.name)

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, rows: "QuerySet[QueueControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.pause_queue(row.name, by=by), "paused")

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, rows: "QuerySet[QueueControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.resume_queue(row.name, by=by), "resumed")

    @admin.action(description="Lift the limit", permissions=["operate"])
    def unlimit(self, request: HttpRequest, rows: "QuerySet[QueueControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.limit_queue(row.name, None, by=by), "without limit")


@admin.register(ToolControl)
class ToolAdmin(Control):
    list_display = ("name", "paused", "limit", "circuit", "failures", "retry_at", "last_failure", "jobs_link")
    list_filter = ("paused", "circuit")
    search_fields = ("name", "last_failure")
    actions = ("pause", "resume", "close_circuit", "try_now")

    def view_on_site(self, obj: ToolControl) -> str:
        return page_of("tools")

    @admin.display(description="jobs")
    def jobs_link(self, row: ToolControl) -> str:
        return list_link(Job, "Jobs", tool__exact=row.name)

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, rows: "QuerySet[ToolControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.pause_tool(row.name, by=by), "paused")

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, rows: "QuerySet[ToolControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.resume_tool(row.name, by=by), "resumed")

    @admin.action(description="Close the circuit", permissions=["operate"])
    def close_circuit(self, request: HttpRequest, rows: "QuerySet[ToolControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.close_circuit(row.name, by=by), "trusted again")

    @admin.action(description="Try now", permissions=["operate"])
    def try_now(self, request: HttpRequest, rows: "QuerySet[ToolControl]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.try_tool_now(row.name, by=by), "may try")


@admin.register(Node)
class NodeAdmin(Control):
    list_display = (
        "name",
        "state",
        "host",
        "slots",
        "draining",
        "heartbeat_at",
        "stopped_at",
        "version",
        "attempts_link",
    )
    list_filter = ("draining", "stopped_at")
    search_fields = ("name", "host")
    actions = ("drain", "resume", "forget")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Node]":
        return nodes_with_running(actor_of(request))

    @admin.display(description="state")
    def state(self, node: Node) -> str:
        return state_of(node, busy=node.running > 0)

    def view_on_site(self, obj: Node) -> str:
        return page_of("workers")

    @admin.display(description="attempts")
    def attempts_link(self, row: Node) -> str:
        return list_link(StepAttempt, "Attempts", node__exact=row.name)

    @admin.action(description="Drain", permissions=["operate"])
    def drain(self, request: HttpRequest, rows: "QuerySet[Node]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.drain_node(row, by=by), "draining")

    @admin.action(description="Claim again", permissions=["operate"])
    def resume(self, request: HttpRequest, rows: "QuerySet[Node]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.drain_node(row, by=by, draining=False), "claiming again")

    @admin.action(description="Forget (stopped or lost workers)", permissions=["operate"])
    def forget(self, request: HttpRequest, rows: "QuerySet[Node]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.forget_node(row, by=by), "forgotten")
