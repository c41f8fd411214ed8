"""Roles: groups that are created with the tables; what an administrator changes in them stays."""

from typing import Any, Literal

from django.apps import apps as installed

Scope = Literal["read", "submit", "review", "operate", "administer"]
SCOPES: tuple[Scope, ...] = ("read", "submit", "review", "operate", "administer")
TOKEN_SCOPES = SCOPES[:4]
PERMISSIONS: dict[Scope, str] = {
    "read": "jobs.view_job",
    "submit": "jobs.submit_job",
    "review": "jobs.review_job",
    "operate": "jobs.operate_job",
    "administer": "jobs.administer_engine",
}
ROLES: dict[str, tuple[Scope, ...]] = {
    "viewer": ("read",),
    "submitter": ("read", "submit"),
    "reviewer": ("read", "review"),
    "operator": ("read", "submit", "operate"),
    "admin": SCOPES,
}
ADMIN_APPS = ("jobs", "auth", "axes")  # what the admin role may edit on the admin site, once marked as staff


def roles_with(scope: str) -> list[str]:
    """The roles that give the scope, the least of them first."""
    return [role for role, scopes in ROLES.items() if scope in scopes]


def make_groups(using: str, apps: Any = installed, **_: Any) -> None:
    """A post_migrate handler: the permissions exist by then."""
    group_of = apps.get_model("auth", "Group").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for role, scopes in ROLES.items():
        group, created = group_of.get_or_create(name=role)
        if created:
            names = [PERMISSIONS[scope].removeprefix("jobs.") for scope in scopes]
            group.permissions.add(*permissions.filter(content_type__app_label="jobs", codename__in=names))
            if role == "admin":
                group.permissions.add(*permissions.filter(content_type__app_label__in=ADMIN_APPS))
