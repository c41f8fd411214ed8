from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from jobs.roles import make_groups


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Engine"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("jobs.services.accounts.login_audit")  # models must be there before it can be read
        post_migrate.connect(make_groups, sender=self, dispatch_uid="jobs.roles")
