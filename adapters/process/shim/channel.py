"""Control pipes to the worker: orders come in on stdin, events go out on stdout. Neither can block the shim."""

import json
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STDIN, STDOUT = 0, 1
MAX_ORDER_BYTES = 64 << 20  # one order, the prompt of the tool included


class Orders:
    """JSON objects, one a line. The end of the pipe means that the worker is gone."""

    def __init__(self, fd: int = STDIN) -> None:
        self.fd = fd
        self.ended = False
        self._rest = bytearray()
        self._kept: list[dict[str, Any]] = []

    def keep(self, orders: "list[dict[str, Any]]") -> None:
        """Orders that came together with the one that begins a run; `kept` gives them to the run."""
        self._kept += orders

    def kept(self) -> "list[dict[str, Any]]":
        kept, self._kept = self._kept, []
        return kept

    def read(self) -> "list[dict[str, Any]]":
        """Call when the pipe is readable. What is no order is passed over: a worker's slip must not kill a run."""
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


def _parse(line: bytearray) -> "dict[str, Any] | None":
    try:
        order = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return order if isinstance(order, dict) else None


class Events:
    """What the worker is told. A worker that does not read misses progress, never the start or the end."""

    def __init__(self, fd: int = STDOUT) -> None:
        self.fd = fd
        self._waiting = b""
        self._open = True
        try:
            os.set_blocking(fd, False)
        except OSError:
            self._open = False

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def tell(self, event: str, **content: object) -> None:
        """Queue an event; progress is dropped while older words still wait."""
        if not self._open or (event == "progress" and self._waiting):
            return
        self._waiting += json.dumps({"event": event, **content}).encode() + b"\n"
        self.push()

    def push(self) -> None:
        while self._waiting:
            try:
                self._waiting = self._waiting[os.write(self.fd, self._waiting) :]
            except BlockingIOError:
                return
            except OSError:
                self._open, self._waiting = False, b""

    def finish(self, bound_s: float) -> None:
        """A last try to hand over what waits."""
        if self._waiting and self._open:
            poll = select.poll()
            poll.register(self.fd, select.POLLOUT)
            poll.poll(bound_s * 1000)
            self.push()
