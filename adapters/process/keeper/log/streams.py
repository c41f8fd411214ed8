"""Output streams of the tool: pipes read in large pieces, masked, and joined into one log."""

import os

from .files import widen_pipe
from .mask import Masker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READ = 1 << 20
DEFAULT_PIPE_BYTES = 1 << 16
# While output pours, a pause of this length lets the pipe fill: a few large reads cost the tool less than many wakes.
PAUSE_S = 0.003
BUSY_S = 0.005
FULL_ENOUGH = 1 << 18
MAX_HOLD_S = 1.0  # so long may a piece of one stream wait for the other one's line to end
MAX_HELD_BYTES = 1 << 20


class Pipe:
    """The reading end of one output stream."""

    def __init__(self, secrets: list[str]) -> None:
        self.fd, self.writer = os.pipe()
        self._wide = False
        os.set_blocking(self.fd, False)
        self.ended = False
        self.resume_at = 0.0
        self._read_at = float("-inf")
        self._masker = Masker(secrets)

    def tool_started(self) -> None:
        os.close(self.writer)

    def read(self, now: float) -> tuple[int, bytes]:
        """Bytes that came, and what of them may be written."""
        try:
            data = os.read(self.fd, READ)
        except BlockingIOError:
            return 0, b""
        if not data:
            return 0, self.end()
        if len(data) >= DEFAULT_PIPE_BYTES and not self._wide:
            self._wide = True  # only now: the kernel gives each user a limited number of pages for wide pipes
            widen_pipe(self.fd)
        if len(data) < FULL_ENOUGH and now - self._read_at < BUSY_S:
            self.resume_at = now + PAUSE_S
        self._read_at = now
        return len(data), self._masker.feed(data)

    def end(self) -> bytes:
        """Nothing more is read; returns what the masker held back. `close` frees the file."""
        if self.ended:
            return b""
        self.ended = True
        return self._masker.flush()

    def close(self) -> None:
        os.close(self.fd)


class Lines:
    """Joins two streams without cutting through a line of either.

    Whole lines are written at once. An unfinished line of stdout waits for its end (tools that write JSON lines in
    blocks stop anywhere), one of stderr at most a second. Only where a line is too long to wait, the streams meet
    inside a line, and then a line break is put between them.
    """

    def __init__(self, write: "Callable[[bytes, float], None]") -> None:
        self._write = write
        self._held = [b"", b""]
        self._since: float | None = None  # when the waiting piece of stderr came
        self._inside: int | None = None  # the stream whose unfinished line stands at the end of the log

    def feed(self, stream: int, data: bytes, now: float) -> None:
        text = self._held[stream] + data
        ready = text.rfind(b"\n") + 1
        if len(text) - ready > MAX_HELD_BYTES:
            ready = len(text)
        blocked = self._inside is not None and self._inside != stream
        if blocked and stream == 1 and len(text) <= MAX_HELD_BYTES:
            ready = 0  # stderr waits for the end of stdout's line
        self._held[stream] = text[ready:]
        self._put(stream, text[:ready], now)
        if self._inside is None and self._held[1]:
            self._release(now)
        if not self._held[1]:
            self._since = None
        elif self._since is None:
            self._since = now

    def _release(self, now: float) -> None:
        """Stderr may go on: its whole lines first."""
        ready = self._held[1].rfind(b"\n") + 1
        text, self._held[1] = self._held[1][:ready], self._held[1][ready:]
        self._put(1, text, now)

    def tick(self, now: float) -> float | None:
        """Write what waited long enough; returns when the next piece is due."""
        if self._since is None:
            return None
        if now >= self._since + MAX_HOLD_S:
            self.flush(1, now)
            return None
        return self._since + MAX_HOLD_S

    def flush(self, stream: int, now: float) -> None:
        text, self._held[stream] = self._held[stream], b""
        if stream == 1:
            self._since = None
        self._put(stream, text, now)

    def _put(self, stream: int, text: bytes, now: float) -> None:
        if not text:
            return
        if self._inside is not None and self._inside != stream:
            text = b"\n" + text
        self._inside = None if text.endswith(b"\n") else stream
        self._write(text, now)
