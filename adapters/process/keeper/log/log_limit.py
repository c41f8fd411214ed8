"""Limit of the log's size: two alternating segment files keep the last part of an output that is too long."""

import os
import struct

from .index import ENTRY
from .sink import open_own, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("output.tail0", "output.tail1")
PIECE = 1 << 20
OFFSET = struct.Struct("<8xQ8x")
MAX_CUT_LINE_BYTES = 1 << 16  # a tail that begins inside a longer line than this keeps the rest of that line


class Segment:
    def __init__(self, directory: str, name: str) -> None:
        self.path = os.path.join(directory, name)  # noqa: PTH118
        self.fd = open_own(directory, name)
        self.size = self.offset = 0
        self.line = 1

    def restart(self, offset: int, line: int) -> None:
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.size, self.offset, self.line = 0, offset, line

    def drop(self) -> None:
        os.close(self.fd)
        os.unlink(self.path)  # noqa: PTH108


class Tail:
    """Keeps between one and two segments of what came last, with the index entries of that part.

    Lines and offsets count the whole output, as if nothing were left out; the log writer translates them at the end.
    """

    def __init__(self, directory: str, limit: int, offset: int, line: int) -> None:
        self._limit = max(1, limit // 2)
        self._segments = [Segment(directory, name) for name in NAMES]
        self.start, self.line = offset, line  # of the first byte that is kept
        self._segments[1].restart(offset, line)
        self._cut = 0
        self._entries = bytearray()

    def room(self, offset: int, line: int) -> int:
        """How many bytes may be written next; turns the segments when the newer one is full."""
        newer = self._segments[1]
        if newer.size < self._limit:
            return self._limit - newer.size
        self._segments.reverse()
        self._segments[1].restart(offset, line)
        self.start, self.line = self._segments[0].offset, self._segments[0].line
        old = sum(1 for (at,) in OFFSET.iter_unpack(self._entries) if at < self.start)
        del self._entries[: old * ENTRY.size]
        return self._limit

    def write(self, data: bytes, entries: list[tuple[int, int, int]]) -> None:
        newer = self._segments[1]
        write_all(newer.fd, data, newer.path)
        newer.size += len(data)
        for entry in entries:
            self._entries += ENTRY.pack(*entry)

    def skip_cut_line(self) -> None:
        """Begin at a line start: what is left of a line whose beginning is gone reads as nonsense."""
        head = next(self._pieces(), b"")[:MAX_CUT_LINE_BYTES]
        at = head.find(b"\n") + 1
        if at:
            self.start += at
            self.line += 1
            self._cut = at

    def content(self) -> "Iterator[bytes]":
        cut = self._cut
        for piece in self._pieces():
            yield piece[cut:]
            cut = 0

    def entries(self) -> "Iterator[tuple[int, int, int]]":
        return (entry for entry in ENTRY.iter_unpack(self._entries) if entry[1] >= self.start)

    def _pieces(self) -> "Iterator[bytes]":
        for segment in self._segments:
            with open(segment.path, "rb") as source:
                while piece := source.read(PIECE):
                    yield piece

    def drop(self) -> None:
        for segment in self._segments:
            segment.drop()
