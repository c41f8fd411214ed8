"""Calls on open files that Python has no name for."""

import fcntl
import os


def widen_pipe(fd: int, size: int = 1 << 20) -> None:
    """Ask for a larger pipe; a refusal (limits of an unprivileged user) costs speed only."""
    command = getattr(fcntl, "F_SETPIPE_SZ", None)
    while command is not None and size > 1 << 16:
        try:
            fcntl.fcntl(fd, command, size)
            return
        except OSError:
            size //= 4


def path_of(fd: int) -> str:
    """The real path of an open file, from the kernel: no symlink can be swapped in after the fact."""
    if hasattr(fcntl, "F_GETPATH"):
        return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - pathlib would double the start-up time
