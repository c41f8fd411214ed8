from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.models.durations import elapsed_s
from jobs.states import ACTIVE_RUNS, RunStatus


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> "RunQuerySet":
        return self.filter(status__in=ACTIVE_RUNS)


class Run(models.Model):
    """One effort: jobs that were submitted together. Its status follows its jobs; the store may set it too."""

    run_id = models.CharField(max_length=120, unique=True)
    status = models.CharField(max_length=12, choices=RunStatus, default=RunStatus.PENDING)
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)
    metadata_json = models.JSONField(default=dict, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        db_table = "runs"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="run_status_known", condition=Q(status__in=RunStatus.values)),
        ]
        indexes = [
            # The list of runs under way; few are, so the index stays small.
            models.Index(
                name="run_active",
                fields=["-id"],
                condition=Q(status__in=ACTIVE_RUNS),
            ),
        ]

    def __str__(self) -> str:
        return self.run_id

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE_RUNS

    @property
    def duration_s(self) -> float | None:
        """Seconds from its start to its end, or until now. None before the start."""
        return elapsed_s(self.started_at, self.completed_at) if self.started_at else None
