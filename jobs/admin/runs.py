"""Runs, workstreams and error groups in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.access import actor_of
from jobs.admin.base import DeletedWhole, Operated, each, list_link, page_of, row_link
from jobs.admin.filters import ToolFilter
from jobs.models import ErrorGroup, Job, Run, StepAttempt, Workstream
from jobs.services.operations import controls, corrections


@admin.register(Run)
class RunAdmin(DeletedWhole):
    list_display = ("run_id", "status", "title", "created_at", "completed_at", "jobs_link")
    list_filter = ("status", "created_at")
    search_fields = ("run_id", "title")
    fields = (
        "run_id",
        "title",
        "metadata_json",
        "status",
        "created_at",
        "started_at",
        "completed_at",
        "updated_at",
        "jobs_link",
    )
    readonly_fields = ("run_id", "status", "created_at", "started_at", "completed_at", "updated_at", "jobs_link")

    def correct(self, obj: Run, changes: dict[str, Any], by: str) -> object:
        return corrections.correct_run(obj, changes, by=by)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Run]":
        return actor_of(request).runs()

    def view_on_site(self, obj: Run) -> str:
        return page_of("run", run_id=obj.run_id)

    @admin.display(description="jobs")
    def jobs_link(self, run: Run) -> str:
        return list_link(Job, "Jobs", run__run_id__exact=run.run_id)


@admin.register(Workstream)
class WorkstreamAdmin(DeletedWhole):
    list_display = ("ws_id", "run_link", "status", "locked", "locked_reason", "created_at", "jobs_link")
    list_filter = ("status", "locked", "created_at")
    search_fields = ("ws_id", "run__run_id", "title")
    list_select_related = ("run",)
    fields = (
        "ws_id",
        "run_link",
        "title",
        "depends_on",
        "metadata_json",
        "status",
        "locked",
        "locked_reason",
        "created_at",
        "updated_at",
        "jobs_link",
    )
    readonly_fields = (
        "ws_id",
        "run_link",
        "status",
        "locked",
        "locked_reason",
        "created_at",
        "updated_at",
        "jobs_link",
    )
    actions = ("lock", "unlock")

    def correct(self, obj: Workstream, changes: dict[str, Any], by: str) -> object:
        return corrections.correct_workstream(obj, changes, by=by)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Workstream]":
        return actor_of(request).workstreams().select_related("run")

    def view_on_site(self, obj: Workstream) -> str:
        return page_of("workstream", run_id=obj.run_id, ws_id=obj.ws_id)

    @admin.display(description="run")
    def run_link(self, row: Workstream) -> str:
        return row_link(row.run)

    @admin.display(description="jobs")
    def jobs_link(self, row: Workstream) -> str:
        return list_link(Job, "Jobs", workstream__id__exact=row.pk)

    @admin.action(description="Lock", permissions=["operate"])
    def lock(self, request: HttpRequest, rows: "QuerySet[Workstream]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.lock_workstream(row, by=by, reason="locked by hand"), "locked")

    @admin.action(description="Unlock", permissions=["operate"])
    def unlock(self, request: HttpRequest, rows: "QuerySet[Workstream]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda row: controls.unlock_workstream(row, by=by), "unlocked")


@admin.register(ErrorGroup)
class ErrorGroupAdmin(Operated):
    list_display = ("short", "tool", "category", "state", "count", "last_seen_at", "attempts_link")
    list_filter = ("state", ToolFilter, "last_seen_at")
    search_fields = ("signature", "message", "pattern")
    readonly_fields = ("attempts_link", "run_link")
    exclude = ("run",)
    actions = ("resolve", "mute", "reopen")

    def get_readonly_fields(self, request: HttpRequest, obj: ErrorGroup | None = None) -> list[str]:
        return [field.name for field in ErrorGroup._meta.fields if field.name != "run"] + ["attempts_link", "run_link"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ErrorGroup]":
        return actor_of(request).errors()

    def view_on_site(self, obj: ErrorGroup) -> str:
        return page_of("error", signature=obj.signature)

    @admin.display(description="message")
    def short(self, kind: ErrorGroup) -> str:
        return kind.message[:80]

    @admin.display(description="attempts")
    def attempts_link(self, kind: ErrorGroup) -> str:
        return list_link(StepAttempt, "Attempts", error__id__exact=kind.pk)

    @admin.display(description="seen last in run")
    def run_link(self, kind: ErrorGroup) -> str:
        return row_link(kind.run)

    @admin.action(description="Resolve", permissions=["operate"])
    def resolve(self, request: HttpRequest, rows: "QuerySet[ErrorGroup]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda kind: controls.resolve_error(kind, by=by), "resolved")

    @admin.action(description="Mute", permissions=["operate"])
    def mute(self, request: HttpRequest, rows: "QuerySet[ErrorGroup]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda kind: controls.mute_error(kind, by=by), "muted")

    @admin.action(description="Reopen", permissions=["operate"])
    def reopen(self, request: HttpRequest, rows: "QuerySet[ErrorGroup]") -> None:
        by = request.user.get_username()
        each(self, request, rows, lambda kind: controls.reopen_error(kind, by=by), "reopened")
