"""Link of a keeper to its runner: the control socket, and what happens to it when one runner takes the place of another."""

import select

from .hold import Hold
from .poller import Poller
from .protocol import Control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class RunnerLink:
    """The keeper is forsaken when the socket has ended, and nobody is to come or nobody came in time."""

    def __init__(self, control: Control, poller: Poller) -> None:
        self._control, self._poller = control, poller
        self._hold: Hold | None = None
        self._asked_to_write = False
        poller.register(control.fd, select.POLLIN)

    @property
    def until(self) -> float:
        """When a hold ends, on the keeper's clock; infinite without one."""
        return float("inf") if self._hold is None else self._hold.until

    def begin_hold(self, order: "dict[str, Any]", now: float) -> None:
        self.end_hold()
        try:
            self._hold = Hold(order, self._poller, now)
        except (OSError, KeyError, ValueError):
            return  # the runner gets no answer, and the end of its socket is what it is without a hold
        self._control.tell("holding")

    def end_hold(self) -> None:
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    def expired(self, now: float) -> bool:
        """Whether a hold has just ended without a new runner."""
        if self._hold is None or now < self._hold.until:
            return False
        self.end_hold()
        return self._control.ended

    def lost(self) -> bool:
        """The socket has ended: whether that is the end of the runner."""
        self._poller.unregister(self._control.fd)
        if self._hold is None:
            return True
        self._control.disconnect()
        return False

    def take_call(self, fd: int) -> bool:
        """A file is ready that may belong to a hold: whether it brought a new runner."""
        runner = self._hold.handle(fd) if self._hold is not None and self._hold.owns(fd) else -1
        if runner < 0:
            return False
        self.end_hold()
        if not self._control.ended:  # it is faster than the end of the old one
            self._poller.unregister(self._control.fd)
            self._control.disconnect()
        self._control.connect(runner)
        self._poller.register(runner, select.POLLIN)
        self._asked_to_write = False
        return True

    def watch(self) -> None:
        """Be told when the runner reads again, if something waits for that."""
        if self._control.waiting != self._asked_to_write and not self._control.ended:
            self._asked_to_write = self._control.waiting
            self._poller.modify(self._control.fd, select.POLLIN | (select.POLLOUT if self._asked_to_write else 0))
