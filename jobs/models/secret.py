from django.db import models
from django.db.models import Q
from django.utils import timezone


class Secret(models.Model):
    """A named value that jobs may use and nobody may read again; `ciphertext` is a Fernet token."""

    name = models.CharField(max_length=120, unique=True)
    ciphertext = models.TextField()
    set_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "secrets"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SecretGrant(models.Model):
    """Who may use a secret: a tool, a repository, or that tool in that repository."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="grants")
    tool = models.CharField(max_length=40, blank=True, help_text="empty means any tool")
    repository = models.CharField(max_length=500, blank=True, help_text="absolute root; empty means any repository")

    class Meta:
        db_table = "secret_grants"
        constraints = [
            models.UniqueConstraint(name="secret_grant_once", fields=["secret", "tool", "repository"]),
            models.CheckConstraint(name="secret_grant_names_something", condition=~Q(tool="", repository="")),
        ]

    def __str__(self) -> str:
        return " in ".join(filter(None, (self.tool or "any tool", self.repository)))
