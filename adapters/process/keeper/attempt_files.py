"""pid.json and exit.json of an attempt: what other processes find when the runner, or the keeper, is gone."""

import json
import os

from .log.sink import LogError, open_own, write_all

PIDS, EXIT = "pid.json", "exit.json"
RESERVED_BYTES = 1 << 12  # an ending is far shorter; longer ones lose their sentence, not their facts


_boot_id: list[str] = []


def boot_id() -> str:
    """The id of the current boot. Start times count from boot, so a pid of an earlier boot identifies nothing."""
    if not _boot_id:
        try:
            with open("/proc/sys/kernel/random/boot_id") as source:
                _boot_id.append(source.read().strip())
        except OSError:
            return ""
    return _boot_id[0]


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
        """Replace exit.json, complete for every process that looks. Survives the death of any process at any moment.

        Not synced: a sync waits for the disk, and all attempts of the keeper would wait with it. `sync` is for the
        runner, which waits for one attempt only, before it acts on the ending.
        """
        data = json.dumps(ending).encode()
        if len(data) > RESERVED_BYTES:
            data = json.dumps({**ending, "error": str(ending.get("error"))[:1000]}).encode()
        try:
            # Filled up with blanks: to cut off what is reserved and not used takes milliseconds of a busy disk.
            os.pwrite(self._fd, data.ljust(RESERVED_BYTES), 0)
        finally:
            os.close(self._fd)
        os.replace(self._part, os.path.join(self._directory, EXIT))  # noqa: PTH105, PTH118


def sync(directory: str) -> None:
    """Bring exit.json to the disk, where a power loss leaves it. Raises OSError, also when there is none."""
    for path, flags in ((os.path.join(directory, EXIT), 0), (directory, os.O_DIRECTORY)):  # noqa: PTH118
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
