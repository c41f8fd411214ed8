from django.db import models
from django.db.models import Q

from jobs.states import CircuitState


class QueueControl(models.Model):
    """What an operator set for a queue. A queue without a row runs without limit."""

    name = models.CharField(max_length=80, unique=True)
    paused = models.BooleanField(default=False)
    paused_reason = models.CharField(max_length=200, blank=True)
    limit = models.PositiveIntegerField(null=True, blank=True, help_text="jobs at once; empty means no limit")

    class Meta:
        db_table = "queues"
        verbose_name, verbose_name_plural = "queue", "queues"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ToolControl(models.Model):
    """What an operator set for a tool, and its circuit breaker."""

    name = models.CharField(max_length=40, unique=True)
    paused = models.BooleanField(default=False)
    paused_reason = models.CharField(max_length=200, blank=True)
    limit = models.PositiveIntegerField(null=True, blank=True, help_text="jobs at once; empty means the setting's")
    circuit = models.CharField(max_length=9, choices=CircuitState, default=CircuitState.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="infrastructure failures in a row")
    opened_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True, help_text="when one trial may start")
    last_failure = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "tools"
        verbose_name, verbose_name_plural = "tool", "tools"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="tool_circuit_known", condition=Q(circuit__in=CircuitState.values)),
        ]

    def __str__(self) -> str:
        return self.name
