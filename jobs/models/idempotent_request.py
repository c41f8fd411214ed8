from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotentRequest(models.Model):
    """The answer to a request that carried an Idempotency-Key; written in the transaction of what the request did."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="sha256 of method, path and body")
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "idempotent_requests"
        constraints = [models.UniqueConstraint(name="idempotency_key_once_per_user", fields=["user", "key"])]
        indexes = [models.Index(name="idempotent_by_age", fields=["created_at"])]

    def __str__(self) -> str:
        return self.key
