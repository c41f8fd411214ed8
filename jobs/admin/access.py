"""Who may come in: tokens, projects, secrets."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from jobs.admin.base import Audited, Kept, TabularInline, each
from jobs.models import ApiToken, Project, Secret, SecretGrant
from jobs.services.accounts import secrets, tokens

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Secret]
else:
    ModelForm = forms.ModelForm


class ForAdministrators(Audited):
    """Takes the `administer_engine` permission, whatever else somebody may edit."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.administer_engine")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)


@admin.register(ApiToken)
class ApiTokenAdmin(Kept):
    list_display = ("name", "prefix", "user", "scopes", "state", "created_at", "expires_at", "last_used_at")
    list_filter = ("revoked_at", "expires_at", "user")
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)
    exclude = ("sha256",)
    readonly_fields = ("user", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["administer"])
    def revoke(self, request: HttpRequest, rows: Any) -> None:
        each(self, request, rows, lambda token: tokens.revoke(token, by=request.user.get_username()), "revoked")

    def has_administer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.administer_engine")


@admin.register(Project)
class ProjectAdmin(ForAdministrators):
    list_display = ("name", "root", "who", "permissions")
    search_fields = ("name", "root")
    list_filter = ("viewers", "submitters")
    filter_horizontal = ("viewers", "submitters")

    @admin.display(description="who sees it")
    def who(self, project: Project) -> str:
        groups = {*project.viewers.all(), *project.submitters.all()}
        return ", ".join(sorted(group.name for group in groups)) or "everybody"


class GrantInline(TabularInline):
    model = SecretGrant
    extra = 1


class SecretForm(ModelForm):
    """The value goes in and never comes out again."""

    value = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text="Set once and never shown again. Leave empty to keep the value that is stored.",
    )

    class Meta:
        model = Secret
        fields = ("name",)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.instance.pk and not found.get("value"):
            self.add_error("value", "A new secret takes a value.")
        if found.get("value"):
            try:
                secrets.check(found.get("name", "") or self.instance.name, found["value"])
            except secrets.BadSecret as refusal:
                self.add_error("value", refusal.message)
        return found


@admin.register(Secret)
class SecretAdmin(ForAdministrators):
    form = SecretForm
    inlines = (GrantInline,)
    list_display = ("name", "grants_shown", "set_by", "updated_at", "last_used_at")
    list_filter = ("grants__tool", "updated_at")
    search_fields = ("name", "grants__tool", "grants__repository")

    def get_readonly_fields(self, request: HttpRequest, obj: Secret | None = None) -> tuple[str, ...]:
        return ("name", "set_by", "updated_at", "last_used_at") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Secret | None = None) -> tuple[str, ...]:
        return ("name", "value", "set_by", "updated_at", "last_used_at") if obj else ("name", "value")

    def save_model(self, request: HttpRequest, obj: Secret, form: Any, change: bool) -> None:
        if value := form.cleaned_data.get("value"):
            stored = secrets.put(obj.name, value, by=request.user.get_username())
            obj.pk, obj._state.adding = stored.pk, False
            obj.__dict__.update({field.attname: getattr(stored, field.attname) for field in Secret._meta.fields})

    @admin.display(description="granted to")
    def grants_shown(self, secret: Secret) -> str:
        return ", ".join(map(str, secret.grants.all())) or "nobody"
