"""Poll of all files of a keeper: knows which attempt each file belongs to."""

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Poller:
    """Files with an owner each; None owns the keeper's own files."""

    def __init__(self) -> None:
        # epoll costs as much as there are ready files, poll as much as there are files.
        self._poll: Any = select.epoll() if hasattr(select, "epoll") else select.poll()
        self._per_second = 1 if hasattr(select, "epoll") else 1000
        self._owners: dict[int, int | None] = {}

    def register(self, fd: int, events: int, owner: int | None = None) -> None:
        self._owners[fd] = owner
        self._poll.register(fd, events)

    def modify(self, fd: int, events: int) -> None:
        self._poll.modify(fd, events)

    def unregister(self, fd: int) -> None:
        del self._owners[fd]
        self._poll.unregister(fd)

    def wait(self, seconds: float | None) -> list[tuple[int, int | None]]:
        """Ready files with their owners; waits without end for None."""
        ready = self._poll.poll(None if seconds is None else seconds * self._per_second)
        return [(fd, self._owners[fd]) for fd, _ in ready if fd in self._owners]


class Share:
    """The part of the poller that one attempt registers its files with."""

    def __init__(self, poller: Poller, owner: int) -> None:
        self._poller, self._owner = poller, owner

    def register(self, fd: int, events: int) -> None:
        self._poller.register(fd, events, self._owner)

    def unregister(self, fd: int) -> None:
        self._poller.unregister(fd)
