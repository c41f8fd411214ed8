"""Writer of the tool's stdin: nothing, or a text of any size, written as fast as the tool reads it."""

import os
import select

from .log.files import widen_pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log.output import Registrar


class StdinWriter:
    """Owns both ends of the stdin pipe until the tool has started."""

    def __init__(self, poll: "Registrar", text: bytes | None) -> None:
        self._poll, self._left = poll, memoryview(text or b"")
        self.fd = -1
        if text is None:
            self.reader = 0  # the keeper's own: /dev/null
            return
        self.reader, self.fd = os.pipe()
        widen_pipe(self.fd)
        os.set_blocking(self.fd, False)

    def tool_started(self) -> None:
        if self.fd >= 0:
            os.close(self.reader)
            self._poll.register(self.fd, select.POLLOUT)
            self.push()

    def push(self) -> None:
        """Write what fits. A tool that closes its stdin early has read enough."""
        try:
            while self._left:
                self._left = self._left[os.write(self.fd, self._left[: 1 << 20]) :]
        except BlockingIOError:
            return
        except OSError:
            self._left = memoryview(b"")
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            self._poll.unregister(self.fd)
            os.close(self.fd)
            self.fd = -1
