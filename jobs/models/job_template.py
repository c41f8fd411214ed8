from django.conf import settings
from django.db import models
from django.utils import timezone


class JobTemplate(models.Model):
    """A document that new jobs start from. It has no job id, no run id and no values of an environment."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=500, blank=True)
    document = models.JSONField()
    repo_key = models.CharField(
        max_length=500, blank=True, help_text="its repository: who may not see it, sees no template"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="job_templates")
    shared = models.BooleanField(default=False, help_text="everybody may start from it")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "job_templates"
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return self.slug

    @property
    def tool(self) -> str:
        return str(self.document.get("tool", ""))
