from django.db import models
from django.utils import timezone


class Node(models.Model):
    """One worker host: the cluster command that runs there."""

    name = models.CharField(max_length=120, unique=True)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    pid_started = models.BigIntegerField(help_text="start time of the cluster's main process, clock ticks")
    started_at = models.DateTimeField(default=timezone.now)
    heartbeat_at = models.DateTimeField(default=timezone.now)
    slots = models.PositiveIntegerField(default=1)
    queues = models.JSONField(default=list)
    tools = models.JSONField(default=dict, blank=True)
    draining = models.BooleanField(default=False)
    stopped_at = models.DateTimeField(null=True, blank=True)
    version = models.CharField(max_length=20, blank=True)

    class Meta:
        db_table = "nodes"
        verbose_name, verbose_name_plural = "worker", "workers"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
