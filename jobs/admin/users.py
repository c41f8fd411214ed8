"""Users and groups in the admin. Those who administer them cannot give themselves more rights than they have."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from jobs.admin.base import Audited, Unchanged, list_link
from jobs.models import ApiToken, Job

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(Audited, UserAdmin):
    list_display = ("username", "email", "roles", "is_active", "is_staff", "last_login", "jobs_link", "tokens_link")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or ("everything" if user.is_superuser else "none")

    @admin.display(description="jobs")
    def jobs_link(self, user: User) -> str:
        return list_link(Job, "Jobs", submitted_by__exact=user.get_username())

    @admin.display(description="tokens")
    def tokens_link(self, user: User) -> str:
        return list_link(ApiToken, "Tokens", user__id__exact=user.pk)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        kept = ("last_login", "date_joined")
        return kept if request.user.is_superuser else (*kept, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not above and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not above and bool(super().has_delete_permission(request, obj))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if "password" in str(message).lower():  # the page for it saves the user by itself
            self.note(request, obj, "password_changed")
        return super().log_change(request, obj, message)


@admin.register(Group)
class RoleAdmin(Audited, GroupAdmin):
    list_display = ("name", "people")
    list_filter = ("permissions__content_type__app_label",)

    @admin.display(description="people")
    def people(self, group: Group) -> str:
        return list_link(User, str(group.user_set.count()), groups__id__exact=group.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        # Who could write permissions into their own group would have all of them.
        return () if request.user.is_superuser else ("permissions",)


@admin.register(LogEntry)
class LogEntryAdmin(Unchanged):
    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag", "change_message")
    list_filter = ("action_flag", "content_type", "action_time")
    search_fields = ("object_repr", "change_message", "user__username")
    list_select_related = ("user", "content_type")
