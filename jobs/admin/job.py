"""Jobs and their attempts."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest

from adapters import registry
from jobs.access import actor_of
from jobs.admin.base import DeletedWhole, Operated, TabularInline, each, list_link, page_of, row_link
from jobs.admin.filters import NodeFilter, QueueFilter, ReasonFilter, ToolFilter
from jobs.models import Dependency, Event, Job, StepAttempt
from jobs.services.maintenance import rescue
from jobs.services.operations import corrections, job_actions
from jobs.services.operations.action_rules import Order
from jobs.services.reading.redaction import shown_document
from jobs.states import Verb

NO_ORDER = Order()


class ToolForm(ActionForm):
    """The tool for the action "escalate"."""

    tool = forms.ChoiceField(
        required=False, choices=lambda: [("", "tool …"), *((name, name) for name in sorted(registry.adapters()))]
    )


class DependencyInline(TabularInline):
    model = Dependency
    fk_name = "job"
    extra = 0
    can_delete = False
    fields = readonly_fields = ("needs", "needs_workstream", "met")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(DeletedWhole):
    list_display = (
        "job_id",
        "status",
        "reason",
        "tool",
        "run_link",
        "submitted_by",
        "created_at",
        "attempts_link",
    )
    list_filter = ("status", ToolFilter, "priority", QueueFilter, ReasonFilter, "on_hold", "created_at")
    search_fields = ("job_id", "title", "run__run_id", "workstream__ws_id", "submitted_by")
    list_select_related = ("workstream", "run")
    EDITABLE = corrections.OF_JOB  # everything else is the state machine's
    inlines = (DependencyInline,)
    action_form = ToolForm
    actions = ("cancel", "retry", "escalate", "hold", "release", "close")

    def get_fields(self, request: HttpRequest, obj: Job | None = None) -> list[Any]:
        links = ["run_link", "workstream_link", "attempts_link", "events_link", "document"]
        hidden = {"spec", "run", "workstream", "next_command", "handoff", *self.EDITABLE}
        rest = [field.name for field in Job._meta.fields if field.name not in hidden]
        return [
            "job_id",
            "status",
            "reason",
            "summary",
            *self.EDITABLE,
            *links,
            *(name for name in rest if name not in ("job_id", "status", "reason", "summary")),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> list[Any]:
        return [name for name in self.get_fields(request, obj) if name not in self.EDITABLE]

    def correct(self, obj: Job, changes: dict[str, Any], by: str) -> object:
        return corrections.correct_job(obj, changes, by=by)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Job]":
        seen = actor_of(request).jobs()
        return seen.select_related("run", "workstream")

    def view_on_site(self, obj: Job) -> str:
        return page_of("job", job_id=obj.job_id)

    @admin.display(description="run", ordering="run_id")
    def run_link(self, job: Job) -> str:
        return row_link(job.run)

    @admin.display(description="workstream")
    def workstream_link(self, job: Job) -> str:
        return row_link(job.workstream)

    @admin.display(description="attempts")
    def attempts_link(self, job: Job) -> str:
        return list_link(StepAttempt, str(job.attempts_made), job__id__exact=job.pk)

    @admin.display(description="events")
    def events_link(self, job: Job) -> str:
        return list_link(Event, "Events of this job", job__id__exact=job.pk)

    @admin.display(description="document")
    def document(self, job: Job) -> dict[str, Any]:
        return shown_document(job.spec)

    def _each(self, request: HttpRequest, rows: Any, verb: Verb, done: str, order: Order = NO_ORDER) -> None:
        actor = actor_of(request)
        each(self, request, rows, lambda job: job_actions.act(verb, job, by=actor, order=order), done)

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, rows: "QuerySet[Job]") -> None:
        self._each(request, rows, Verb.CANCEL, "asked to stop")

    @admin.action(description="Retry")
    def retry(self, request: HttpRequest, rows: "QuerySet[Job]") -> None:
        self._each(request, rows, Verb.RETRY, "sent back to the queue")

    @admin.action(description="Escalate to the tool chosen beside")
    def escalate(self, request: HttpRequest, rows: "QuerySet[Job]") -> None:
        self._each(request, rows, Verb.ESCALATE, "handed to another tool", Order(tool=request.POST.get("tool", "")))

    @admin.action(description="Hold")
    def hold(self, request: HttpRequest, rows: "QuerySet[Job]") -> None:
        self._each(request, rows, Verb.HOLD, "held")

    @admin.action(description="Release from hold or quarantine")
    def release(self, request: HttpRequest, rows: "QuerySet[Job]") -> None:
        self._each(request, rows, Verb.RELEASE, "released")

    @admin.action(description="Close as failed (quarantined)")
    def close(self, request: HttpRequest, rows: "QuerySet[Job]") -> None:
        self._each(request, rows, Verb.CLOSE, "closed as failed")


@admin.register(StepAttempt)
class StepAttemptAdmin(Operated):
    list_display = (
        "id",
        "job_link",
        "number",
        "step_name",
        "status",
        "reason",
        "node",
        "started_at",
        "exit_code",
    )
    list_filter = ("status", ToolFilter.of("step_name"), ReasonFilter, NodeFilter, "started_at")
    search_fields = ("job__job_id", "run__run_id", "ws_id", "marker")
    list_select_related = ("job", "error")
    exclude = ("job", "run", "error", "escalated_from")
    readonly_fields = ("job_link", "error_link")
    actions = ("mark_lost",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[StepAttempt]":
        return actor_of(request).attempts().select_related("job", "error")

    def view_on_site(self, obj: StepAttempt) -> str:
        return page_of("job", job_id=obj.job.job_id)

    @admin.display(description="job", ordering="job")
    def job_link(self, attempt: StepAttempt) -> str:
        return row_link(attempt.job)

    @admin.display(description="error")
    def error_link(self, attempt: StepAttempt) -> str:
        return row_link(attempt.error, attempt.error.signature[:8] if attempt.error else "")

    @admin.action(description="Mark as lost (only after the lease has ended)", permissions=["operate"])
    def mark_lost(self, request: HttpRequest, rows: "QuerySet[StepAttempt]") -> None:
        actor = actor_of(request)

        def do(attempt: StepAttempt) -> None:
            actor.require("operate")
            rescue.mark_lost(attempt, by=actor.name)

        each(self, request, rows.select_related("job__workstream"), do, "marked as lost")

    def get_readonly_fields(self, request: HttpRequest, obj: StepAttempt | None = None) -> list[str]:
        return [field.name for field in StepAttempt._meta.fields] + ["job_link", "error_link"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # an attempt goes with its job
