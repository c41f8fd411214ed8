"""Guard: the parent of a keeper, which ends everything that the keeper leaves when it dies.

A tool that is started by vfork cannot ask to die with its parent, and that request would reach the tool alone, not
its children. So the keeper has a parent that does nothing but wait. It is a subreaper: when the keeper dies, all that
the keeper held becomes a child of the guard, and is killed until the kernel says that there is no child left.
"""

import os
import signal
import time

from . import kernel, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
GUARD_DIED = signal.SIGUSR1  # what the keeper is sent by the kernel when the guard is gone
SIGNALLED = 128  # added to the number of the signal that ended the keeper, as shells do


def run(keeper: "Callable[[int], None]") -> None:
    """Fork, call `keeper` (with the guard's pid) in the child, and guard it; returns never."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would keep no exit status
    kernel.become_subreaper()
    kernel.hide_memory()
    guard = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # no signal may come before somebody can take it
    pid = os.fork()
    if pid == 0:
        kernel.die_with_parent(GUARD_DIED)
        if os.getppid() == guard:
            keeper(guard)
        os._exit(0)
    _release_control()
    for number in FORWARDED:
        signal.signal(number, lambda received, _: os.kill(pid, received))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os._exit(_guard(pid))


def _release_control() -> None:
    """Keep no copy of the control socket: its end tells the runner that the keeper is gone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)


def _guard(keeper: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == keeper:
            break
    for number in FORWARDED:
        signal.signal(number, signal.SIG_IGN)
    end_children()
    return SIGNALLED + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def end_children() -> None:
    """Kill what was inherited, until there are no children; each death may bring its own children."""
    pause_s = 0.001
    while True:
        for proc in tree.descendants([os.getpid()]):
            tree.send(proc.pid, proc.starttime, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pause_s = 0.001
        except ChildProcessError:
            return
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)  # what does not die now hangs in the kernel
