"""What happened, and the copies of logs: to read."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.access import actor_of
from jobs.admin.base import ReadOnly, Unchanged, page_of, row_link
from jobs.models import Dependency, Event, IdempotentRequest, LogChunk


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("timestamp", "event_type", "actor", "via", "job_link", "run_link")
    list_display_links = ("timestamp", "event_type")
    list_filter = ("timestamp",)  # a filter by a column's values would read the whole table for them
    search_fields = ("event_type", "actor", "run__run_id", "ws_id", "job__job_id")
    list_select_related = ("job", "run")
    exclude = ("job", "run")
    readonly_fields = ("job_link", "run_link")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Event]":
        return actor_of(request).events().select_related("job", "run")

    def view_on_site(self, obj: Event) -> str:
        return page_of("events")

    @admin.display(description="job", ordering="job")
    def job_link(self, event: Event) -> str:
        return row_link(event.job)

    @admin.display(description="run", ordering="run")
    def run_link(self, event: Event) -> str:
        return row_link(event.run)


@admin.register(LogChunk)
class LogChunkAdmin(ReadOnly):
    list_display = ("attempt_link", "seq", "offset", "first_line", "line_count", "size")
    search_fields = ("attempt__job__job_id",)
    list_filter = ("attempt__step_name",)
    list_select_related = ("attempt__job",)
    ordering = ("-pk",)
    exclude = ("data", "attempt")
    readonly_fields = ("attempt_link", "size")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[LogChunk]":
        seen = actor_of(request)
        rows = LogChunk.objects.select_related("attempt__job")
        return rows if seen.sees_all else rows.filter(attempt__in=seen.attempts().values("pk"))

    @admin.display(description="attempt")
    def attempt_link(self, chunk: LogChunk) -> str:
        return row_link(chunk.attempt)

    @admin.display(description="bytes")
    def size(self, chunk: LogChunk) -> int:
        return len(chunk.data)


@admin.register(Dependency)
class DependencyAdmin(ReadOnly):
    list_display = ("job_link", "needs_link", "met")
    list_filter = ("met",)
    search_fields = ("job__job_id", "needs__job_id", "needs_workstream__ws_id")
    list_select_related = ("job", "needs", "needs_workstream")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Dependency]":
        rows = Dependency.objects.select_related("job", "needs", "needs_workstream")
        return rows.filter(job__in=actor_of(request).jobs().values("pk"))

    @admin.display(description="job")
    def job_link(self, row: Dependency) -> str:
        return row_link(row.job)

    @admin.display(description="needs")
    def needs_link(self, row: Dependency) -> str:
        return row_link(row.needs or row.needs_workstream)


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(Unchanged):
    list_display = ("key", "user", "status", "created_at")
    list_filter = ("created_at",)
    search_fields = ("key", "user__username")
