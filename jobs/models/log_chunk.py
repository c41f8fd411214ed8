from bisect import bisect_right

from django.db import models


class LogChunk(models.Model):
    """A shipped piece of an attempt's log: the copy that any web host can show."""

    attempt = models.ForeignKey("jobs.StepAttempt", on_delete=models.CASCADE, related_name="chunks")
    seq = models.PositiveIntegerField()
    offset = models.BigIntegerField()
    first_line = models.BigIntegerField()
    line_count = models.PositiveIntegerField()
    data = models.BinaryField()
    times = models.JSONField(
        default=list, help_text="[line, microseconds since 1970], ascending; the first covers the first line"
    )

    class Meta:
        db_table = "log_chunks"
        ordering = ["attempt", "seq"]
        constraints = [models.UniqueConstraint(name="log_chunk_once", fields=["attempt", "seq"])]

    def __str__(self) -> str:
        return f"{self.attempt_id}/{self.seq}"

    def time_of(self, line: int) -> float | None:
        """When a line that begins in this chunk came, in seconds since 1970; None if that is not on record."""
        found = bisect_right(self.times, [line, float("inf")])
        return self.times[found - 1][1] / 1e6 if found else None
