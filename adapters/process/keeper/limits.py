"""Resource limits that a tool is born with: the tag of its attempt, and the number of open files that we were given.

The tag is the soft RLIMIT_LOCKS. No kernel since 2.4.25 enforces that limit, and a process keeps it through fork, exec,
setsid, a cleared environment and the death of its parent. The keeper sets its own limit for the moment of the start,
because a child that is made by vfork cannot set one for itself.
"""

import resource
import sys
from contextlib import contextmanager

from . import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RLIMIT_LOCKS = 10  # Python's resource module has no name for it
MAX_OPEN_FILES = 1 << 16
_PROBE = (1 << 62) - 1


class BirthLimits:
    """Raises the keeper's own number of open files, and gives tools the number that the keeper was started with."""

    def __init__(self) -> None:
        self._files = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft, hard = self._files
        most = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
        self._own_files = (max(soft, most), hard) if soft != resource.RLIM_INFINITY else self._files
        _set(resource.RLIMIT_NOFILE, self._own_files)
        # No core files by default, of the keeper or of a tool: the environment with its keys would be in them.
        _set(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        self.has_tags = _tags_work()

    @contextmanager
    def tagged(self, tag: int) -> "Iterator[None]":
        """A child that is started inside has the tag (where tags work) and the original limit of open files."""
        locks = resource.getrlimit(RLIMIT_LOCKS) if self.has_tags else None
        try:
            if self._files != self._own_files:
                _set(resource.RLIMIT_NOFILE, self._files)
            if locks is not None:
                resource.setrlimit(RLIMIT_LOCKS, (tag, locks[1]))
            yield
        finally:
            if locks is not None:
                resource.setrlimit(RLIMIT_LOCKS, locks)
            if self._files != self._own_files:
                _set(resource.RLIMIT_NOFILE, self._own_files)


def _tags_work() -> bool:
    """Not without /proc, nor where the hard limit is too low, nor in a sandbox that ignores the limit."""
    if not sys.platform.startswith("linux") or not tree.HAS_CHILDREN:
        return False
    try:
        old = resource.getrlimit(RLIMIT_LOCKS)
        resource.setrlimit(RLIMIT_LOCKS, (_PROBE, old[1]))
        try:
            return tree.tag_of("self") == _PROBE
        finally:
            resource.setrlimit(RLIMIT_LOCKS, old)
    except (OSError, ValueError):
        return False


def _set(number: int, limits: tuple[int, int]) -> None:
    try:
        resource.setrlimit(number, limits)
    except (OSError, ValueError):
        pass  # a sandbox that allows no change: the limit that we have must do
