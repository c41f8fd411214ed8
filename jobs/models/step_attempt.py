import tempfile
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.models.durations import measured_s
from jobs.states import ATTEMPT_FINAL, AttemptStatus

MAX_TEMP_DIR = 64  # characters


class StepAttemptQuerySet(models.QuerySet["StepAttempt"]):
    def alive(self) -> "StepAttemptQuerySet":
        return self.filter(status=AttemptStatus.RUNNING)


class StepAttempt(models.Model):
    """One execution of a job by one tool. `result_json.job_id` is there from the first write."""

    run = models.ForeignKey(
        "jobs.Run", to_field="run_id", db_column="run_id", on_delete=models.PROTECT, related_name="attempts"
    )
    ws_id = models.CharField(max_length=120, blank=True)
    step_name = models.CharField(max_length=40, help_text="the tool")
    status = models.CharField(max_length=12, choices=AttemptStatus, default=AttemptStatus.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    result_json = models.JSONField(default=dict, blank=True)

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField(default=1)
    escalation_level = models.PositiveIntegerField(default=0)
    cause = models.CharField(max_length=40, default="submitted", help_text="why this attempt was made")
    escalated_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=20, blank=True)
    verdict = models.JSONField(default=dict, blank=True, help_text="summary, rule, evidence, details")
    command = models.JSONField(default=list, blank=True, help_text="the argument list as it may be shown")
    exit_code = models.IntegerField(null=True, blank=True)
    signal = models.IntegerField(null=True, blank=True)
    usage = models.JSONField(default=dict, blank=True)
    handoff = models.JSONField(default=dict, blank=True)

    # Who holds it. `heartbeat` grows with each extension of the lease: an observer needs no clock but its own.
    fence = models.PositiveIntegerField(default=0)
    marker = models.CharField(max_length=64, help_text="ENGINE_ATTEMPT_MARKER in the environment of its processes")
    node = models.CharField(max_length=120, blank=True)
    host = models.CharField(max_length=120, blank=True)
    worker_pid = models.PositiveIntegerField(null=True, blank=True)
    worker_started = models.BigIntegerField(null=True, blank=True, help_text="start time of the worker, clock ticks")
    shim_pid = models.PositiveIntegerField(null=True, blank=True)
    tool_pid = models.PositiveIntegerField(null=True, blank=True)
    heartbeat = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    survivors = models.PositiveIntegerField(null=True, blank=True)

    log_dir = models.CharField(max_length=255, blank=True, help_text="below the data directory of its host")
    log_bytes = models.BigIntegerField(default=0)
    log_lines = models.BigIntegerField(default=0)
    first_error_line = models.BigIntegerField(null=True, blank=True)
    watched_until = models.DateTimeField(null=True, blank=True, help_text="ship the log often until then")
    base_commit = models.CharField(max_length=64, blank=True)
    head_commit = models.CharField(max_length=64, blank=True)
    error = models.ForeignKey(
        "jobs.ErrorGroup", null=True, blank=True, on_delete=models.SET_NULL, related_name="attempts"
    )

    same: list[int]  # set by pages for their templates, not stored: earlier attempts that failed alike

    objects = StepAttemptQuerySet.as_manager()

    class Meta:
        db_table = "step_attempts"
        verbose_name, verbose_name_plural = "attempt", "attempts"
        ordering = ["job", "number"]
        constraints = [
            models.UniqueConstraint(name="attempt_number_once_per_job", fields=["job", "number"]),
            models.UniqueConstraint(
                name="attempt_one_alive_per_job", fields=["job"], condition=Q(status=AttemptStatus.RUNNING)
            ),
            models.CheckConstraint(name="attempt_status_known", condition=Q(status__in=AttemptStatus.values)),
            models.CheckConstraint(
                name="attempt_completed_iff_final",
                condition=Q(status__in=ATTEMPT_FINAL, completed_at__isnull=False)
                | Q(status=AttemptStatus.RUNNING, completed_at__isnull=True),
            ),
        ]
        indexes = [
            # "List all jobs for run", newest first, as in the Quick Reference.
            models.Index(name="attempt_by_run", fields=["run", "-started_at"]),
            # Maintenance looks after what is alive.
            models.Index(name="attempt_alive", fields=["host"], condition=Q(status=AttemptStatus.RUNNING)),
            # The days on which an error group was seen.
            models.Index(name="attempt_by_error", fields=["error", "completed_at"], condition=Q(error__isnull=False)),
            models.Index(name="attempt_by_end", fields=["-completed_at"], condition=Q(completed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.number}"

    @property
    def directory(self) -> Path:
        return Path(settings.ENGINE_DATA_DIR) / self.log_dir

    @property
    def temp_dir(self) -> Path:
        """The tool's TMPDIR. Short, as the path of a socket may have 107 bytes and programs add up to 40 of their own."""
        name = self.marker[:12]
        place = Path(settings.ENGINE_DATA_DIR) / "tmp" / name
        return place if len(str(place)) <= MAX_TEMP_DIR else Path(tempfile.gettempdir()) / f"engine-{name}"

    @property
    def is_final(self) -> bool:
        return self.status in ATTEMPT_FINAL

    @property
    def duration_s(self) -> float:
        """Seconds until its end, or until now."""
        measured = self.result_json.get("duration_s") if self.is_final else None
        return measured_s(measured, self.started_at, self.completed_at)
