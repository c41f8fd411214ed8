from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from adapters import escalation
from jobs.models.durations import elapsed_s
from jobs.states import ALIVE, FINAL, SETTLED, JobStatus, Priority
from schema import JobOptions

if TYPE_CHECKING:
    from jobs.models.step_attempt import StepAttempt


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.exclude(status__in=FINAL)

    def claimable(self) -> "JobQuerySet":
        """Queued jobs, best first: priority with ageing is folded into `claim_order` at submission."""
        return self.filter(status=JobStatus.QUEUED).order_by("claim_order", "id")

    def alive(self) -> "JobQuerySet":
        """Jobs whose attempt may own processes; limits are counted from them."""
        return self.filter(status__in=ALIVE)

    def delayed(self) -> "JobQuerySet":
        return self.filter(status=JobStatus.RETRYING).order_by("not_before")

    def for_list(self) -> "JobQuerySet":
        # Prefetched, not joined: SQLite would sometimes read all workstreams first and sort the jobs of each.
        return self.prefetch_related("workstream").defer("spec", "next_command")


class Job(models.Model):
    """One submitted document. The spec is kept as it was submitted and never edited."""

    job_id = models.CharField(max_length=120, unique=True)
    run = models.ForeignKey(
        "jobs.Run", to_field="run_id", db_column="run_id", on_delete=models.PROTECT, related_name="jobs"
    )
    workstream = models.ForeignKey("jobs.Workstream", on_delete=models.PROTECT, related_name="jobs")
    title = models.CharField(max_length=200)
    spec = models.JSONField()
    paths = models.JSONField(default=dict, help_text="the spec's paths, absolute: repo_root, working_dir, ...")
    tool = models.CharField(max_length=40, help_text="the tool of the latest or next attempt")
    status = models.CharField(max_length=12, choices=JobStatus, default=JobStatus.QUEUED)
    reason = models.CharField(max_length=20, blank=True, help_text="verdict reason that led to this status")
    summary = models.CharField(max_length=500, blank=True, help_text="the reason in one sentence")

    # Order and limits: read by the claim.
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    queue = models.CharField(max_length=80, default="default")
    claim_order = models.BigIntegerField(default=0, help_text="microseconds; smaller is claimed first")
    repo_key = models.CharField(
        max_length=500, blank=True, help_text="repository as named; its project follows from it"
    )
    tree_key = models.CharField(
        max_length=500, blank=True, help_text="working tree; one writing job may hold it at a time"
    )
    exclusive = models.BooleanField(default=True)
    permissions = models.CharField(
        max_length=8, blank=True, help_text="what its tools may do without asking, by its project; empty: by the server"
    )
    concurrency_key = models.CharField(max_length=120, blank=True)
    concurrency_limit = models.PositiveIntegerField(default=1)
    not_before = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="queue timeout: give up if still queued then")
    unmet_dependencies = models.PositiveIntegerField(default=0, help_text="dependencies that have not completed")
    on_hold = models.BooleanField(default=False)

    # The fence grows with each claim; a writer that carries an older one changes nothing.
    fence = models.PositiveIntegerField(default=0)
    attempts_made = models.PositiveIntegerField(default=0)
    retry_budget_start = models.PositiveIntegerField(
        default=0, help_text="attempts up to this number do not count against the retry budget"
    )
    escalation_level = models.PositiveIntegerField(
        default=0, help_text="position in the escalation chain; 0 is the submitted tool"
    )
    next_command = models.JSONField(null=True, blank=True, help_text="command of the next attempt, if not the spec's")
    handoff = models.JSONField(
        default=dict, blank=True, help_text="context for the next attempt: cause, prompt, log tail"
    )
    cancel_grace_s = models.FloatField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, blank=True)

    submitter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    submitted_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1, help_text="incremented with every change that a page could show")

    # Set by pages for their templates; not stored.
    why: str  # why it waits, else its summary
    most: int | None  # attempts that its retry policy allows

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "jobs"
        ordering = ["-id"]
        # Roles are built from these and `view_job`; jobs/access.py enforces them.
        permissions = [
            ("submit_job", "May submit jobs and act on own ones"),
            ("review_job", "May review jobs"),
            ("operate_job", "May act on all jobs, queues, tools and workers"),
            ("administer_engine", "May manage secrets, projects and other people's tokens"),
        ]
        constraints = [
            models.CheckConstraint(name="job_status_known", condition=Q(status__in=JobStatus.values)),
            models.CheckConstraint(name="job_priority_known", condition=Q(priority__in=Priority.values)),
            models.CheckConstraint(
                name="job_finished_iff_final",
                condition=Q(status__in=FINAL, finished_at__isnull=False)
                | (~Q(status__in=FINAL) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_queued_has_no_open_dependency",
                condition=~Q(status=JobStatus.QUEUED) | Q(unmet_dependencies=0),
            ),
        ]
        indexes = [
            # The claim reads the best queued jobs in order. Not a partial index: SQLite would rather sort them all.
            models.Index(name="job_claim", fields=["status", "claim_order", "id"]),
            # Limits are counted from the jobs that hold processes.
            models.Index(name="job_alive", fields=["tool", "tree_key"], condition=Q(status__in=ALIVE)),
            # Maintenance queues delayed jobs.
            models.Index(name="job_delayed", fields=["not_before"], condition=Q(status=JobStatus.RETRYING)),
            # Maintenance ends what waited too long in its queue.
            models.Index(name="job_expiring", fields=["expires_at"], condition=Q(expires_at__isnull=False)),
            models.Index(name="job_unfinished", fields=["id"], condition=~Q(status__in=FINAL)),
            models.Index(name="job_by_status", fields=["status", "-id"]),
            models.Index(name="job_by_tool", fields=["tool", "-id"]),
            models.Index(name="job_by_run", fields=["run", "status"]),
            models.Index(name="job_by_workstream", fields=["workstream", "-id"]),
            models.Index(name="job_by_submitter", fields=["submitted_by", "-id"]),
            # The latest failures.
            models.Index(name="job_by_end", fields=["status", "-finished_at"]),
            # How much came into a queue lately.
            models.Index(name="job_by_arrival", fields=["-created_at"]),
            models.Index(name="job_by_finish", fields=["-finished_at"], condition=Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.job_id

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_settled(self) -> bool:
        """Whether nothing more happens by itself: the job has ended, or asks for a person."""
        return self.status in SETTLED

    @property
    def duration_s(self) -> float | None:
        """Seconds from its first start, or from its submission if it never started, to its end. None before that."""
        return elapsed_s(self.started_at or self.created_at, self.finished_at) if self.finished_at else None

    @property
    def options(self) -> JobOptions:
        """What the document asks of Engine, with this server's limits where it asks nothing."""
        server = JobOptions(timeout_seconds=settings.ENGINE_TIMEOUT_S, grace_seconds=settings.ENGINE_CANCEL_GRACE_S)
        return JobOptions.from_document(self.spec, server)

    @property
    def metadata(self) -> dict[str, Any]:
        value = self.spec.get("metadata") or {}
        return value if isinstance(value, dict) else {}

    def document(self) -> dict[str, Any]:
        """The document that the next attempt runs: the spec with the current tool, its command and its environment."""
        spec = {**self.spec, "tool": self.tool}
        if self.escalation_level:
            step = escalation.step_at(self.spec, self.escalation_level, self.tool)
            spec["env"] = escalation.env_for(self.spec, self.tool, step)
        if self.next_command:
            spec["command"] = self.next_command
        return spec

    def latest_attempt(self) -> "StepAttempt | None":
        return self.attempts.order_by("-number").first()


class Dependency(models.Model):
    """`job` waits for `needs` (a job) or for every job of `needs_workstream`."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dependencies")
    needs = models.ForeignKey(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="dependants")
    needs_workstream = models.ForeignKey(
        "jobs.Workstream", null=True, blank=True, on_delete=models.CASCADE, related_name="dependants"
    )
    met = models.BooleanField(default=False)

    class Meta:
        db_table = "job_dependencies"
        verbose_name, verbose_name_plural = "dependency", "dependencies"
        constraints = [
            models.UniqueConstraint(name="dependency_once", fields=["job", "needs", "needs_workstream"]),
            models.CheckConstraint(name="dependency_not_on_itself", condition=~Q(job=F("needs"))),
        ]

    def __str__(self) -> str:
        return f"{self.job} needs {self.needs or self.needs_workstream}"
