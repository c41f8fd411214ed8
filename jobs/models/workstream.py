from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.states import RunStatus


class Workstream(models.Model):
    """One line of work (a feature, a fix) within a run. The same name may come back in a later run."""

    ws_id = models.CharField(max_length=120)
    run = models.ForeignKey(
        "jobs.Run", to_field="run_id", db_column="run_id", on_delete=models.CASCADE, related_name="workstreams"
    )
    status = models.CharField(max_length=12, choices=RunStatus, default=RunStatus.PENDING)
    title = models.CharField(max_length=200, blank=True)
    depends_on = models.JSONField(default=list, blank=True)
    locked = models.BooleanField(default=False)
    locked_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    metadata_json = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "workstreams"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="workstream_once_per_run", fields=["run", "ws_id"]),
            models.CheckConstraint(name="workstream_status_known", condition=Q(status__in=RunStatus.values)),
        ]
        indexes = [
            models.Index(name="workstream_name", fields=["ws_id"]),
            models.Index(name="workstream_locked", fields=["ws_id"], condition=Q(locked=True)),
        ]

    def __str__(self) -> str:
        return self.ws_id
