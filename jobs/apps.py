from importlib import import_module
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.core.signals import request_finished
from django.db.models.signals import post_migrate

from jobs.roles import make_groups

if TYPE_CHECKING:
    from jobs.services.accounts.last_use import LastUse
    from jobs.services.reading.streams import Streams


class JobsConfig(AppConfig):
    """The app, and what its services share within one process."""

    name = "jobs"
    verbose_name = "Engine"
    default_auto_field = "django.db.models.BigAutoField"

    last_use: "LastUse"
    streams: "Streams"

    def ready(self) -> None:
        # Models must be there before these can be read.
        import_module("jobs.services.accounts.login_audit")
        self.last_use = import_module("jobs.services.accounts.last_use").LastUse()
        self.streams = import_module("jobs.services.reading.streams").Streams()
        request_finished.connect(self.last_use.write, dispatch_uid="engine-last-use")
        import_module("jobs.checks")
        post_migrate.connect(make_groups, sender=self, dispatch_uid="jobs.roles")
