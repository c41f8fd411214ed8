"""Control socket of the keeper: orders come in and events go out, one JSON object a line.

Orders:  start {id, spec} · stop {id, grace, cause} · heartbeat {s, id} · release {} · hold {s, path, secret}
         · hello {version, secret}
Events:  ready {version, shim_pid, shim_starttime, guard_pid, guard_starttime, attempts} · started {id, pid, starttime,
         shim_pid} · progress {id, bytes, lines, last_output_at} · exit {id, ...} · pong {} · holding {}
A heartbeat moves the watchdog of all attempts that have one, or sets that of one attempt (`id`); without `s` it only
asks for the pong. `release` means that the keeper takes no more attempts, and exits after its last one. After `hold`
the end of the socket means, for `s` seconds, that the next runner will call at `path`; it says `hello` first and is
told what runs (see hold.py). Otherwise the end of the socket means that the runner is gone. Neither side can block the
other. Both ignore keys, orders and events that they do not know, so that a runner and a keeper of different versions
understand each other as long as their VERSION is the same.
"""

import json
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1  # changes only when an order or an event changes its meaning
MAX_ORDER_BYTES = 64 << 20  # one order, the prompt of the tool included


class Control:
    """The keeper's end of the socket. A runner that does not read misses progress, never a start or an exit."""

    def __init__(self, fd: int) -> None:
        self.connect(fd)

    def connect(self, fd: int) -> None:
        """Speak to the runner at this descriptor from now on."""
        self.fd = fd
        self.ended = False
        self._rest = bytearray()
        self._queued = bytearray()
        self.waiting = False  # for the runner to read
        os.set_blocking(fd, False)

    def disconnect(self) -> None:
        """Nobody is there. What is told meanwhile is lost; the endings are on disk."""
        os.close(self.fd)
        self.fd = -1

    def read(self) -> "list[dict[str, Any]]":
        """Call when the socket is readable. What is no order is ignored: a mistake of the runner must not kill a run."""
        try:
            piece = os.read(self.fd, 1 << 20)
        except BlockingIOError:
            return []
        except OSError:
            piece = b""
        self.ended = not piece or len(self._rest) > MAX_ORDER_BYTES
        self._rest += piece
        if b"\n" not in piece:
            return []
        *lines, self._rest = self._rest.split(b"\n")
        return [order for line in lines if (order := _parse(line)) is not None]

    def tell(self, event: str, **content: object) -> None:
        """Queue an event for the next `push`; progress is dropped while the runner does not read."""
        if event != "progress" or not self.waiting:
            self._queued += json.dumps({"event": event, **content}).encode() + b"\n"

    def push(self) -> None:
        """Send what is queued, all events of a turn with one call."""
        while self._queued:
            try:
                del self._queued[: os.write(self.fd, self._queued)]
            except BlockingIOError:
                self.waiting = True
                return
            except OSError:
                self._queued.clear()
        self.waiting = False

    def finish(self, timeout_s: float) -> None:
        """A last attempt to send what waits."""
        self.push()
        if self.waiting:
            poll = select.poll()
            poll.register(self.fd, select.POLLOUT)
            poll.poll(timeout_s * 1000)
            self.push()


def _parse(line: bytearray) -> "dict[str, Any] | None":
    try:
        order = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return order if isinstance(order, dict) else None
