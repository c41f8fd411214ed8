"""Collector of exit statuses: of the tool, and of every orphan that the kernel gives to the shim as subreaper."""

import os


class Reaper:
    """Collects exit statuses; `no_children` is the kernel's own word that the tree is empty."""

    def __init__(self) -> None:
        self.main_pid = 0
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.main_ended = False
        self.no_children = False

    def collect(self) -> None:
        """Take every status that is there; never waits."""
        self.no_children = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.no_children = True
                return
            if pid == 0:
                return
            if pid == self.main_pid:
                self._note(status)

    def _note(self, status: int) -> None:
        self.main_ended = True
        if os.WIFSIGNALED(status):
            self.signal = os.WTERMSIG(status)
        else:
            self.exit_code = os.waitstatus_to_exitcode(status)
