from django.db import models
from django.utils import timezone


class Event(models.Model):
    """One thing that happened. Append-only."""

    timestamp = models.DateTimeField(default=timezone.now)
    run = models.ForeignKey(
        "jobs.Run",
        to_field="run_id",
        db_column="run_id",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="events",
    )
    ws_id = models.CharField(max_length=120, blank=True)
    event_type = models.CharField(max_length=60)
    payload_json = models.JSONField(default=dict, blank=True)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="events")
    actor = models.CharField(max_length=150, default="engine")
    via = models.CharField(max_length=40, blank=True, help_text="page, token or command that asked; empty for Engine")
    address = models.GenericIPAddressField(null=True, blank=True, help_text="where the request came from")

    # Set by pages for their templates; not stored.
    state: str
    subject: str
    details: str

    class Meta:
        db_table = "events"
        ordering = ["-id"]
        indexes = [
            models.Index(name="event_by_type", fields=["event_type", "-id"]),
            models.Index(name="event_by_actor", fields=["actor", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} at {self.timestamp:%Y-%m-%d %H:%M:%S}"
