"""What the tables share: who may do what, links between rows and to the dashboard, and a trace of each change."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html

from jobs.errors import Refused
from jobs.services.core import events
from jobs.services.maintenance import deletion

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:  # Django's own classes take no parameters
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline

PRIVATE = ("password", "ciphertext", "sha256")


def row_link(row: Model | None, text: str = "") -> str:
    """A link to another row of the admin site."""
    if row is None:
        return "–"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, text or str(row))


def list_link(model: type[Model], text: str, **filters: Any) -> str:
    """A link to the rows of another table that belong to this one."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters)
    return format_html('<a href="{}">{}</a>', address, text)


def page_of(name: str, /, **places: Any) -> str:
    """The dashboard's page; the admin site must work while a page is missing."""
    try:
        return reverse(name, kwargs=places)
    except NoReverseMatch:
        return reverse("admin:index")


class Bounded(Paginator):
    """Pages of the newest rows: what lies further back is found by search and filters, and never counted."""

    MOST_ROWS = 5_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment]  # a list of the admin site is one
        return rows.values_list("pk")[: self.MOST_ROWS].count()


class Audited(ModelAdmin):
    """Every change by hand becomes an event that says what was and what is."""

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False  # a count of a large table takes seconds
    paginator = Bounded

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        before = {name: form.initial.get(name) for name in form.changed_data} if change else {}
        super().save_model(request, obj, form, change)
        after = {name: form.cleaned_data.get(name) for name in form.changed_data}
        self.note(request, obj, "changed" if change else "added", before=_plain(before), after=_plain(after))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.note(request, obj, "deleted")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.note(request, obj, "deleted")
        super().delete_queryset(request, queryset)

    def note(self, request: HttpRequest, obj: Any, what: str, **payload: Any) -> None:
        kind = obj._meta.verbose_name.replace(" ", "_")
        events.record(f"admin.{what}", by=request.user.get_username(), table=kind, row=str(obj), **payload)


class Kept(Audited):
    """Rows that Engine writes: nobody adds any; deleting is for superusers, who know what hangs on them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and super().has_delete_permission(request, obj)


class Operated(Kept):
    """Rows of Engine's work: who may operate sees them all, and repairs them with actions and in the fields named."""

    CORRECTED = False  # whether the form has fields to edit

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """What `permissions=["operate"]` of an action asks."""
        return bool(request.user.has_perm("jobs.operate_job"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request) or bool(super().has_module_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request) or bool(super().has_view_permission(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.CORRECTED and self.has_operate_permission(request)


class Corrected(Operated):
    """Its fields are saved by one service function, which sets the changed columns alone and writes the event."""

    CORRECTED = True

    def correct(self, obj: Any, changes: dict[str, Any], by: str) -> object:
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            self.correct(obj, changes, request.user.get_username())

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class DeletedWhole(Corrected):
    """A superuser deletes it with everything that belongs to it, and sees the count before."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = list(objs)
        totals, protected = [deletion.preview(row) for row in rows], []
        for row in rows:
            try:
                deletion.require_deletable(row)
            except Refused as refusal:
                protected.append(refusal.message)
        counts = {
            "jobs": sum(total.jobs for total in totals),
            "attempts": sum(total.attempts for total in totals),
            "bytes of logs": sum(total.log_bytes for total in totals),
        }
        return [str(row) for row in rows], counts, set(), protected

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Without Django's transaction around all of it: a run of thousands would hold every other writer up."""
        return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]  # not in the stubs

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        deletion.delete(obj, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


class Unchanged(Kept):
    """To read, never to change."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Unchanged, Operated):
    """History, for operators too."""


def each(model_admin: Any, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any], object], done: str) -> None:
    """Do it to every row; say how often it went well, and every refusal in its own words."""
    count = 0
    for row in rows:
        try:
            do(row)
            count += 1
        except Refused as refusal:
            model_admin.message_user(request, refusal.message, messages.WARNING)
    if count:
        model_admin.message_user(request, f"{count} {done}.", messages.SUCCESS)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    plain = str | int | float | bool | None
    return {
        name: "•••" if name in PRIVATE else value if isinstance(value, plain) else str(value)
        for name, value in values.items()
    }
