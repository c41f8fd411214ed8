"""What people keep for themselves and for the team: views of the jobs list, job templates."""

from django.contrib import admin

from jobs.admin.access import ForAdministrators
from jobs.models import JobTemplate, SavedView


@admin.register(SavedView)
class SavedViewAdmin(ForAdministrators):
    list_display = ("name", "owner", "shared", "query", "created_at")
    list_filter = ("shared", "owner")
    search_fields = ("name", "query", "owner__username")
    list_select_related = ("owner",)
    autocomplete_fields = ("owner",)
    readonly_fields = ("created_at",)


@admin.register(JobTemplate)
class JobTemplateAdmin(ForAdministrators):
    """Documents are checked where they are saved, on the pages and in the API; here they are read."""

    list_display = ("slug", "title", "tool", "owner", "shared", "updated_at")
    list_filter = ("shared", "owner", "updated_at")
    search_fields = ("slug", "title", "description", "owner__username")
    list_select_related = ("owner",)
    autocomplete_fields = ("owner",)
    fields = ("slug", "title", "description", "owner", "shared", "repo_key", "document", "created_at", "updated_at")
    readonly_fields = ("slug", "repo_key", "document", "created_at", "updated_at")

    def has_add_permission(self, request: object) -> bool:
        return False
