from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.states import ErrorState


class ErrorGroup(models.Model):
    """Errors that differ only in ids, numbers, paths, times and hashes: one row per group."""

    signature = models.CharField(max_length=32, unique=True)
    tool = models.CharField(max_length=40)
    category = models.CharField(max_length=20)
    message = models.CharField(max_length=500, help_text="as first seen")
    pattern = models.CharField(max_length=500, help_text="the normalised message from which the signature is computed")
    count = models.PositiveIntegerField(default=0)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=ErrorState, default=ErrorState.OPEN)
    muted_until = models.DateTimeField(null=True, blank=True)
    muted_until_count = models.PositiveIntegerField(null=True, blank=True)
    regressed_at = models.DateTimeField(null=True, blank=True, help_text="seen again after it was resolved")
    resolved_at = models.DateTimeField(null=True, blank=True)
    run = models.ForeignKey(
        "jobs.Run",
        to_field="run_id",
        db_column="run_id",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="where it was last seen",
    )
    ws_id = models.CharField(max_length=120, blank=True)

    class Meta:
        db_table = "errors"
        verbose_name, verbose_name_plural = "error group", "error groups"
        ordering = ["-last_seen_at"]
        constraints = [models.CheckConstraint(name="error_state_known", condition=Q(state__in=ErrorState.values))]
        indexes = [models.Index(name="error_by_state", fields=["state", "-last_seen_at"])]

    def __str__(self) -> str:
        return f"{self.tool} {self.category}: {self.message[:80]}"
