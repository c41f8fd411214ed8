"""Transfer from the tool's pipes into the log. A log that fails never blocks the tool: the pipes are still emptied."""

import select
import time

from .sink import LogError
from .streams import Lines, Pipe
from .writer import LogWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Registrar(Protocol):
        """What an attempt's pipes are registered with, to be told when they are ready."""

        def register(self, fd: int, events: int) -> None: ...

        def unregister(self, fd: int) -> None: ...


MAX_DRAIN_BYTES = 1 << 23  # what the pipes can hold when every process of the tree is gone, with a margin


class Output:
    """Reads one attempt's pipes and writes its log. `error` is set once the log cannot be written."""

    def __init__(self, spec: "dict[str, Any]", poll: "Registrar", log: LogWriter) -> None:
        self._poll, self._log = poll, log
        split = spec.get("streams") == "split"
        self._pipes = [Pipe(spec.get("secrets") or []) for _ in range(2 if split else 1)]
        self._lines = Lines(self._write) if split else None
        self._paused: list[Pipe] = []
        self._started = False
        self.last_at: float | None = None  # epoch
        self.error = ""

    @property
    def writers(self) -> tuple[int, int]:
        return self._pipes[0].writer, self._pipes[-1].writer

    def tool_started(self) -> None:
        self._started = True
        for pipe in self._pipes:
            pipe.tool_started()
            self._poll.register(pipe.fd, select.POLLIN)

    def handle(self, fd: int, now: float) -> bool:
        """Read once from the pipe `fd`; True if output came."""
        for stream, pipe in enumerate(self._pipes):
            if pipe.fd == fd and not pipe.ended:
                return self._read(stream, pipe, now) > 0
        return False

    def tick(self, now: float) -> float | None:
        """Resume paused pipes, write what waited; returns seconds to the next such moment, if there is one."""
        for pipe in [p for p in self._paused if p.resume_at <= now]:
            self._paused.remove(pipe)
            self._poll.register(pipe.fd, select.POLLIN)
        moments = [pipe.resume_at for pipe in self._paused]
        due = self._lines.tick(now) if self._lines else None
        if due is not None:
            moments.append(due)
        return max(0.0, min(moments) - now) if moments else None

    def use_pause(self) -> None:
        """Nothing to read: look for error lines in what was written."""
        if self._log.unread:
            try:
                self._log.look_for_errors()
            except LogError as error:
                self.error = str(error)

    def finish(self, now: float) -> None:
        """The tree is gone: take the rest, end the pipes. A foreign process that holds one may write on unread."""
        for stream, pipe in enumerate(self._pipes):
            taken = 0
            while not pipe.ended and taken < MAX_DRAIN_BYTES:
                count = self._read(stream, pipe, now)
                if count == 0:
                    break
                taken += count
            self._close(stream, pipe, now)
        for stream in range(len(self._pipes)):
            if self._lines:
                self._lines.flush(stream, now)

    def _read(self, stream: int, pipe: Pipe, now: float) -> int:
        count, data = pipe.read(now)
        if count:
            self.last_at = time.time()
        self._put(stream, data, now)
        if pipe.ended:
            self._forget(pipe)
        elif pipe.resume_at > now and pipe not in self._paused:
            self._poll.unregister(pipe.fd)
            self._paused.append(pipe)
        return count

    def _close(self, stream: int, pipe: Pipe, now: float) -> None:
        if not pipe.ended:
            self._forget(pipe)
            self._put(stream, pipe.end(), now)

    def _forget(self, pipe: Pipe) -> None:
        if pipe in self._paused:
            self._paused.remove(pipe)
        elif self._started:
            self._poll.unregister(pipe.fd)
        pipe.close()  # after it left the poll

    def _put(self, stream: int, data: bytes, now: float) -> None:
        if data and self._lines:
            self._lines.feed(stream, data, now)
        elif data:
            self._write(data, now)

    def _write(self, data: bytes, now: float) -> None:
        try:
            self._log.write(data, now)
        except LogError as error:
            self.error = str(error)
