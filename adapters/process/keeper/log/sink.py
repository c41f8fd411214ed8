"""Files that are only appended to: the attempt's log and, if the job names one, its own log file with the same bytes."""

import errno
import os
import stat

from .files import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# NONBLOCK, or opening a FIFO that nobody reads would hang the shim.
COPY_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class LogError(Exception):
    """The log cannot be kept; the text is for a person. `written` bytes of the failed write are in the log."""

    written = 0


class Sink:
    """One or two files that receive the same bytes; `size` counts what this run wrote."""

    def __init__(self, targets: "Iterable[tuple[int, str]]") -> None:
        self._targets = list(targets)
        self.size = 0

    def write(self, data: bytes) -> None:
        (own, name), *copies = self._targets
        try:
            write_all(own, data, name)
        except LogError as error:
            self.size += error.written
            raise
        self.size += len(data)
        for fd, copy_name in copies:
            try:
                write_all(fd, data, copy_name)
            except LogError as error:
                error.written = len(data)
                raise

    def close(self) -> None:
        for fd, _ in self._targets:
            os.close(fd)
        self._targets = []


def write_all(fd: int, data: bytes, name: str) -> None:
    """All of `data`, or a LogError that says why not."""
    written = 0
    try:
        written = os.write(fd, data)
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError as error:
        failure = LogError(f"{name} cannot be written: {_why(error)}.")
        failure.written = written
        raise failure from error


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{os.strerror(error.errno)}; make room and run the job again"
    return os.strerror(error.errno or errno.EIO)


def open_own(directory: str, name: str) -> int:
    """A fresh file of the attempt."""
    path = os.path.join(directory, name)  # noqa: PTH118
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LogError(f"{path} cannot be opened: {_why(error)}.") from error


def open_copy(path: str, roots: list[str], append: bool) -> int:
    """The job's own log file. Nothing outside `roots` is created, opened for writing or cut off."""
    label = f"The job's log file {path} (paths.log_file)"
    real_roots = [os.path.realpath(root) for root in roots]
    parent = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
    if not _inside(parent, real_roots):
        raise LogError(
            f"{label} lies outside the directories that this job may write to: {', '.join(roots) or 'none'}."
        )
    try:
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103
        fd = os.open(os.path.join(parent, os.path.basename(path)), COPY_FLAGS, 0o666)  # noqa: PTH118, PTH119
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else _why(error)
        raise LogError(f"{label} cannot be opened: {why}.") from error
    try:
        _check_and_position(fd, label, real_roots, append)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_and_position(fd: int, label: str, real_roots: list[str], append: bool) -> None:
    if not _inside(path_of(fd), real_roots):  # a directory may have been swapped since the check by name
        raise LogError(f"{label} leads outside the directories that this job may write to.")
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISCHR(mode):
        raise LogError(f"{label} is not a file.")
    os.set_blocking(fd, True)
    if stat.S_ISREG(mode):
        try:
            os.lseek(fd, 0, os.SEEK_END) if append else os.ftruncate(fd, 0)
        except OSError as error:
            raise LogError(f"{label} cannot be written: {_why(error)}.") from error


def _inside(path: str, real_roots: list[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in real_roots)
