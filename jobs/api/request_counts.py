"""How many requests each caller made in the current window, counted together by all web processes of a host."""

import fcntl
import mmap
import os
import struct
import threading
from pathlib import Path

ENTRY = struct.Struct("=QII")  # caller, window, requests in it
SLOTS = 4096
PROBES = 16  # entries in which a caller may be
SIZE = SLOTS * ENTRY.size


class RequestCounts:
    """A table in a file that is mapped into memory; one of this process alone where there can be no file."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.file = _allocated(path)
        self.table = mmap.mmap(-1 if self.file is None else self.file, SIZE)

    def add(self, caller: int, window: int) -> int:
        """Count one request; returns how many the caller has made in `window`, a number that grows with time."""
        with self.lock:
            if self.file is None:
                return _add(self.table, caller, window)
            fcntl.lockf(self.file, fcntl.LOCK_EX)  # the kernel releases it if its holder dies
            try:
                return _add(self.table, caller, window)
            finally:
                fcntl.lockf(self.file, fcntl.LOCK_UN)


def _allocated(path: Path) -> int | None:
    """The file, with real blocks: writing to a hole in a mapped file on a full disk would end the process."""
    file = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.lockf(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        if size < SIZE and os.pwrite(file, bytes(SIZE - size), size) < SIZE - size:
            raise OSError(f"{path} cannot be allocated.")
        fcntl.lockf(file, fcntl.LOCK_UN)
    except OSError:
        if file is not None:
            os.close(file)
        return None
    return file


def _add(table: mmap.mmap, caller: int, window: int) -> int:
    oldest, place = window, 0
    for probe in range(PROBES):
        at = (caller + probe) % SLOTS * ENTRY.size
        known, seen, used = ENTRY.unpack_from(table, at)
        if known == caller and seen == window:
            count = int(used) + 1
            ENTRY.pack_into(table, at, caller, window, count)
            return count
        if seen < oldest or not probe:
            oldest, place = seen, at
    ENTRY.pack_into(table, place, caller, window, 1)
    return 1
