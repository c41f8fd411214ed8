"""The shipped copy of a log, read from its chunks; a chunk may begin in the middle of a line."""

from collections.abc import Iterator

from django.db.models import QuerySet

from adapters.process import ErrorLine, Line
from adapters.process.logs import CUT_AT
from adapters.process.search import SearchResult, search
from adapters.process.terminal import shorten, without_end
from jobs.models import LogChunk, StepAttempt

CHUNKS_AT_ONCE = 16  # a statement reads so many; no cursor stays open while a slow reader takes them


class ShippedLog:
    """The reads that LogFile has. Size and number of lines are those of the moment in which it was made."""

    def __init__(self, attempt: StepAttempt) -> None:
        self._attempt = attempt
        self.size, self._newlines, self.open_end = 0, 0, False
        last = self._chunks().order_by("-seq").first()
        if last is not None:
            data = bytes(last.data)
            self.size, self._newlines = last.offset + len(data), last.first_line - 1 + last.line_count
            self.open_end = not data.endswith(b"\n")

    @property
    def lines_total(self) -> int:
        return self._newlines + self.open_end

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`; reads only the chunks that hold them."""
        first = self._chunks().filter(offset__lte=start).order_by("-seq").values_list("seq", flat=True).first()
        for chunk in self._from(first or 0, before=end):
            piece = bytes(chunk.data)[max(0, start - chunk.offset) : max(0, end - chunk.offset)]
            if piece:
                yield piece

    def read_lines(self, first: int, count: int, cut_at: int = CUT_AT) -> list[Line]:
        found: list[Line] = []
        if count > 0:
            for number, offset, time, raw in self._lines(first):
                kept, cut = shorten(without_end(raw), cut_at)
                found.append(Line(number, offset, time, kept, cut))
                if len(found) == count:
                    break
        return found

    def errors(self) -> list[ErrorLine]:
        """Only the first one is on record without the file."""
        first = self._attempt.first_error_line
        lines = self.read_lines(first, 1) if first else []
        return [ErrorLine(line.number, line.offset, line.text) for line in lines]

    def search(self, pattern: str, regex: bool = False, limit: int = 200, time_limit_s: float = 2.0) -> SearchResult:
        pieces = self.read(0, self.size)
        return search(pieces, pattern, regex=regex, limit=limit, time_limit_s=time_limit_s)

    def _chunks(self) -> "QuerySet[LogChunk]":
        return LogChunk.objects.filter(attempt=self._attempt)

    def _from(self, seq: int, before: int) -> Iterator[LogChunk]:
        """Chunks from number `seq` on, up to the one that holds the byte before the offset `before`."""
        rows = self._chunks().filter(offset__lt=before).order_by("seq")
        while batch := list(rows.filter(seq__gte=seq)[:CHUNKS_AT_ONCE]):
            yield from batch
            seq = batch[-1].seq + 1

    def _lines(self, first: int) -> Iterator[tuple[int, int, float | None, bytes]]:
        """(number, offset, time, bytes with the line's end) from line `first` on."""
        number, offset, time, line = 0, 0, None, bytearray()
        for chunk in self._from(self._seq_of(first), before=self.size):
            number = number or chunk.first_line
            for at, piece in _split(bytes(chunk.data)):
                if not line:
                    offset, time = chunk.offset + at, chunk.time_of(number)
                line += piece
                if piece.endswith(b"\n"):
                    if number >= first:
                        yield number, offset, time, bytes(line)
                    number, line = number + 1, bytearray()
        if line and number >= first:
            yield number, offset, time, bytes(line)

    def _seq_of(self, line: int) -> int:
        """The chunk that holds the end of the line before, behind which this one begins."""
        before = self._chunks().filter(line_count__gt=0, first_line__lt=line)
        return before.order_by("-seq").values_list("seq", flat=True).first() or 0


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their ends, and where they begin; the last one may have no end."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        yield at, data[at:end]
        at = end
