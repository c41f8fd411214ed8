"""pid.json and exit.json of an attempt: what other processes find when the worker, or the shim, is gone."""

import json
import os

from .sink import LogError, open_own, write_all

PIDS, EXIT = "pid.json", "exit.json"
RESERVED_BYTES = 1 << 14  # an ending is far shorter; longer ones lose their sentence, not their facts


def boot_id() -> str:
    """The id of the current boot. Start times count from boot, so a pid of an earlier boot identifies nothing."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as source:
            return source.read().strip()
    except OSError:
        return ""


def write_pids(directory: str, content: dict[str, object]) -> None:
    """Replace pid.json. Not synced: after a power loss no process is left to be found."""
    target = os.path.join(directory, PIDS)  # noqa: PTH118
    fd = open_own(directory, PIDS + ".part")
    try:
        write_all(fd, json.dumps(content).encode(), target)
    finally:
        os.close(fd)
    os.replace(target + ".part", target)  # noqa: PTH105


def ended_already(directory: str) -> bool:
    return os.path.exists(os.path.join(directory, EXIT))  # noqa: PTH110, PTH118


class ExitRecord:
    """Reserves its space before the tool starts, so that the ending can be written on a full disk too."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._part = os.path.join(directory, EXIT + ".part")  # noqa: PTH118
        self._fd = open_own(directory, EXIT + ".part")
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._fd, 0, RESERVED_BYTES)
        except OSError as error:
            os.close(self._fd)
            raise LogError(f"{self._part} cannot be written: {os.strerror(error.errno or 0)}.") from error

    def write(self, ending: dict[str, object]) -> None:
        """On disk when this returns: synced, renamed, and the directory synced."""
        data = json.dumps(ending).encode()
        if len(data) > RESERVED_BYTES:
            data = json.dumps({**ending, "error": str(ending.get("error"))[:1000]}).encode()
        os.pwrite(self._fd, data, 0)
        os.ftruncate(self._fd, len(data))
        os.fsync(self._fd)
        os.close(self._fd)
        os.replace(self._part, os.path.join(self._directory, EXIT))  # noqa: PTH105, PTH118
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
