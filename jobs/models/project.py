from django.contrib.auth.models import Group
from django.db import models

from adapters.permissions import CHOICES, in_words


class Project(models.Model):
    """A repository root with a rule: only the named groups see it, and only the second list submits there.

    Without any group the project is open to everybody whose role allows it. Of nested projects the innermost decides.
    """

    root = models.CharField(max_length=500, unique=True, help_text="absolute path; everything below it belongs to it")
    name = models.CharField(max_length=80)
    viewers = models.ManyToManyField(Group, blank=True, related_name="+", help_text="may see its jobs")
    permissions = models.CharField(
        max_length=8,
        blank=True,
        choices=[(one.value, f"{one}: {in_words(one)}") for one in CHOICES],
        help_text="what AI tools may do here without asking; empty: what the server says",
    )
    submitters = models.ManyToManyField(Group, blank=True, related_name="+", help_text="may see and submit")

    class Meta:
        db_table = "projects"
        ordering = ["root"]

    def __str__(self) -> str:
        return self.name
