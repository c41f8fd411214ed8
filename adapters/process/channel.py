"""Channel to a keeper: JSON lines over a socket, without waiting on either side."""

import json
import select
import socket
import time
from typing import Any

from adapters.process.waiting import writable

PIECE_BYTES = 1 << 18  # of what is sent at once


class Channel:
    """The runner's end of a keeper's socket."""

    def __init__(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._control = control
        self._rest, self._unsent = b"", bytearray()
        self._put_back: list[dict[str, Any]] = []
        self.ended = False

    def fileno(self) -> int:
        """-1 once it is closed."""
        return self._control.fileno()

    def receive(self) -> list[dict[str, Any]]:
        """All messages that are there."""
        self._flush()
        while not self.ended:
            try:
                piece = self._control.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                piece = b""
            self.ended = not piece
            self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        messages, self._put_back = [*self._put_back, *(json.loads(line) for line in lines)], []
        return messages

    def put_back(self, messages: list[dict[str, Any]]) -> None:
        """The next `receive` returns them first."""
        self._put_back += messages

    def send(self, order: dict[str, Any]) -> bool:
        """Queue an order and send what the socket takes; the rest follows with the next call. False: nobody is there."""
        self._unsent += json.dumps(order).encode() + b"\n"
        return self._flush()

    def _flush(self) -> bool:
        while self._unsent and not self.ended:
            try:
                del self._unsent[: self._control.send(self._unsent[:PIECE_BYTES])]
            except BlockingIOError:
                break
            except OSError:
                return False  # `ended` follows when what came before is read
        return not self.ended

    def flush(self, timeout_s: float) -> bool:
        """Send all that is queued; False if it was not taken in time."""
        until = time.monotonic() + timeout_s
        while self._flush() and self._unsent:
            if not writable(self._control.fileno(), max(0.0, until - time.monotonic())):
                return False
        return not self._unsent

    def wait(self, seconds: float) -> None:
        """Until there is something to read, or to send again."""
        poll = select.poll()
        poll.register(self._control.fileno(), select.POLLIN | (select.POLLOUT if self._unsent else 0))
        poll.poll(seconds * 1000)

    def hang_up(self) -> None:
        """Send nothing more, but still read."""
        self._control.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._control.close()
        self.ended = True
