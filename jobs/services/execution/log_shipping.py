"""Ship: copy an attempt's log from the executing host's file into chunk rows, gapless, up to a cap."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from jobs import db
from jobs.models import LogChunk, StepAttempt
from jobs.states import AttemptStatus

CHUNK_BYTES = 16_384
WATCHED_S, UNWATCHED_S = 0.25, 2.0


class Shipper:
    """Follows one log file. The file is the source; rows are what any web host can show."""

    def __init__(self, attempt: StepAttempt, on_output: Callable[[bytes], None] | None = None) -> None:
        self.attempt = attempt
        self.path = attempt.directory / "output.log"
        self.on_output = on_output
        self.live = on_output is not None
        self.watched = False
        self.offset = self.lines = self.seq = 0
        self._heard = 0
        self._shipped_at = time.monotonic()

    def ship(self) -> None:
        """Ship what is new, when it is enough or old enough."""
        self._tell()
        size = self._size()
        due = WATCHED_S if self.watched else UNWATCHED_S
        if size - self.offset >= CHUNK_BYTES or (size > self.offset and time.monotonic() - self._shipped_at >= due):
            self._ship_to(size)

    def finish(self) -> None:
        """Ship the rest."""
        self._tell()
        self._ship_to(self._size())

    def totals(self) -> dict[str, Any]:
        return {"log_bytes": self._size()}

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def _tell(self) -> None:
        """Give a person at the terminal what has come since."""
        if self.on_output is None or self._size() <= self._heard:
            return
        with self.path.open("rb") as file:
            file.seek(self._heard)
            while piece := file.read(1 << 16):
                self._heard += len(piece)
                try:
                    self.on_output(piece)
                except (OSError, ValueError):  # whoever listened has gone; the job goes on
                    self.on_output, self.live = None, False
                    return

    def _ship_to(self, size: int) -> None:
        end = min(size, settings.ENGINE_LOG_COPY_BYTES)
        if end <= self.offset:
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(end - self.offset)
        rows, offset, lines, seq = [], self.offset, self.lines, self.seq
        for start in range(0, len(data), CHUNK_BYTES):
            piece = data[start : start + CHUNK_BYTES]
            count = piece.count(b"\n")
            rows.append(
                LogChunk(
                    attempt=self.attempt, seq=seq, offset=offset, first_line=lines + 1, line_count=count, data=piece
                )
            )
            offset, lines, seq = offset + len(piece), lines + count, seq + 1
        with db.atomic():
            ours = StepAttempt.objects.filter(pk=self.attempt.pk, fence=self.attempt.fence)
            if not ours.filter(status=AttemptStatus.RUNNING).exists():
                return  # an old fence writes nothing
            LogChunk.objects.bulk_create(rows)
        self.offset, self.lines, self.seq = offset, lines, seq
        self._shipped_at = time.monotonic()
