"""Control group of one attempt, where the system allows it: no process can leave it or outrun its kill.

Needs cgroup 2 with `cgroup.kill` (Linux 5.14) and the right to make a directory below our own group: root, or a
service with `Delegate=yes`. Everywhere else descent, session and marker must do.
"""

import os

NAME = "engine-"


def name_for(marker: str) -> str:
    return NAME + "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in marker)[:200]


class ControlGroup:
    def __init__(self, path: str) -> None:
        self.path = path

    def enter(self) -> bool:
        """Moves the calling process in; its children are born there."""
        return _write(self.path + "/cgroup.procs", b"0")

    def pids(self) -> list[int]:
        """Members, also of groups that the tool made below."""
        return [int(word) for folder, _, _ in os.walk(self.path) for word in _read(folder + "/cgroup.procs").split()]

    def kill(self) -> bool:
        """SIGKILL to all members at once, forks in flight included."""
        return _write(self.path + "/cgroup.kill", b"1")

    def remove(self) -> None:
        """Gone once it is empty; a group that is not stays for the next sweep."""
        for folder, _, _ in os.walk(self.path, topdown=False):
            try:
                os.rmdir(folder)  # noqa: PTH106 - no pathlib in the shim
            except OSError:
                return


def make(marker: str) -> ControlGroup | None:
    """A new group for this attempt, or None where that is not allowed."""
    home = _home()
    if not home:
        return None
    group = ControlGroup(f"{home}/{name_for(marker)}")
    try:
        os.mkdir(group.path)  # noqa: PTH102
    except OSError:
        return None
    if os.path.exists(group.path + "/cgroup.kill"):  # noqa: PTH110
        return group
    group.remove()
    return None


def find(path: str, marker: str) -> ControlGroup | None:
    """The group that a record names, if it is one for this marker."""
    if os.path.basename(path) != name_for(marker) or not os.path.exists(path + "/cgroup.kill"):  # noqa: PTH110, PTH119
        return None
    return ControlGroup(path)


def _home() -> str:
    """The directory of our own group."""
    own = next((line[3:] for line in _read("/proc/self/cgroup").decode().split("\n") if line.startswith("0::")), "")
    for line in _read("/proc/self/mounts").decode("utf-8", "replace").split("\n"):
        words = line.split(" ")
        if own and len(words) > 2 and words[2] == "cgroup2":
            return (words[1] + own).rstrip("/")
    return ""


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as source:
            return source.read()
    except OSError:
        return b""


def _write(path: str, text: bytes) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.write(fd, text) == len(text)
    except OSError:
        return False
    finally:
        os.close(fd)
