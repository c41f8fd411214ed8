"""Collector of exit statuses: of the tools, and of every orphan that the kernel gives to the keeper as subreaper."""

import os


class Exit:
    """How one child ended."""

    __slots__ = ("pid", "rusage", "status")

    def __init__(self, pid: int, status: int, rusage: dict[str, float]) -> None:
        self.pid, self.status, self.rusage = pid, status, rusage

    @property
    def signal(self) -> int | None:
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None

    @property
    def exit_code(self) -> int | None:
        return None if os.WIFSIGNALED(self.status) else os.waitstatus_to_exitcode(self.status)


def collect() -> list[Exit]:
    """Take every exit that is there, without waiting."""
    exits: list[Exit] = []
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return exits
        if pid == 0:
            return exits
        rusage = {"user_s": used.ru_utime, "system_s": used.ru_stime, "max_rss_kb": float(used.ru_maxrss)}
        exits.append(Exit(pid, status, rusage))
