from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone


def oldest_heartbeat() -> datetime:
    """A worker host that was last heard of before this is lost: five heartbeats late, and no less than 15 s."""
    return timezone.now() - timedelta(seconds=max(15.0, 5 * settings.ENGINE_HEARTBEAT_S))


class NodeQuerySet(models.QuerySet["Node"]):
    def alive(self) -> "NodeQuerySet":
        return self.filter(stopped_at=None, heartbeat_at__gte=oldest_heartbeat())

    def taking_jobs(self) -> "NodeQuerySet":
        """Alive, and not on the way out."""
        return self.alive().filter(draining=False)


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
    environment = models.JSONField(default=dict, blank=True, help_text="the settings that decide which jobs it runs")
    draining = models.BooleanField(default=False)
    stopped_at = models.DateTimeField(null=True, blank=True)
    version = models.CharField(max_length=20, blank=True)

    running: int  # attempts; set by `nodes_with_running`, not stored

    objects = NodeQuerySet.as_manager()

    class Meta:
        db_table = "nodes"
        verbose_name, verbose_name_plural = "worker", "workers"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_alive(self) -> bool:
        """As `alive` of the query set says it."""
        return self.stopped_at is None and self.heartbeat_at >= oldest_heartbeat()

    def has_tool(self, tool: str) -> bool:
        """Whether the host found the tool's program when it started. An adapter that does not say counts as there."""
        info = self.tools.get(tool)
        return isinstance(info, dict) and bool(info.get("available", True))

    def tool_version(self, tool: str) -> str:
        """Empty where the tool is not there or its version is not known."""
        return str(self.tools[tool].get("version") or "") if self.has_tool(tool) else ""
