from django.db import models


class LogChunk(models.Model):
    """A shipped piece of an attempt's log: the copy that any web host can show."""

    attempt = models.ForeignKey("jobs.StepAttempt", on_delete=models.CASCADE, related_name="chunks")
    seq = models.PositiveIntegerField()
    offset = models.BigIntegerField()
    first_line = models.BigIntegerField()
    line_count = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        db_table = "log_chunks"
        ordering = ["attempt", "seq"]
        constraints = [models.UniqueConstraint(name="log_chunk_once", fields=["attempt", "seq"])]

    def __str__(self) -> str:
        return f"{self.attempt_id}/{self.seq}"
