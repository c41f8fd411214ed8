from django.conf import settings
from django.db import models
from django.utils import timezone


class SavedView(models.Model):
    """A name for filters of the jobs list, for one person or for all."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True, help_text="what stands after the ? of the list's address")
    shared = models.BooleanField(default=False, help_text="everybody finds it in the menu")
    created_at = models.DateTimeField(default=timezone.now)

    # Set by pages for their templates; not stored.
    on: bool  # the one on screen
    mine: bool  # whether the reader may change it

    class Meta:
        db_table = "saved_views"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(name="view_name_once_per_owner", fields=["owner", "name"])]
        indexes = [models.Index(name="view_shared", fields=["name"], condition=models.Q(shared=True))]

    def __str__(self) -> str:
        return self.name
