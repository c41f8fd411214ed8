"""Main function of guard and keeper: signals and file descriptors are put in order before anything is started."""

import gc
import os
import signal
import sys

from . import guard, kernel
from .loop import Loop
from .protocol import Control

FATAL = (signal.SIGKILL, signal.SIGSTOP)
KEPT_DEFAULT = (
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
    signal.SIGTRAP,
    signal.SIGSYS,
)


def main() -> None:
    _keep_standard_fds()
    gc.collect()
    gc.freeze()  # what is shared with the guard is not written to by the collector
    guard.run(_keep)


def _keep(guard_pid: int) -> None:
    try:
        kernel.become_subreaper()
        kernel.hide_memory()
        os.umask(0o077)
        control = os.dup(0)  # closed at exec, as every file of Python
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # what tools without a text read
        os.close(nothing)
        Loop(Control(control), _listen(), guard_pid).run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


def _listen() -> int:
    """Signals become bytes in a pipe that the loop polls.

    Every signal has a handler, even those that mean nothing here: a handler is reset at exec, an ignored signal would
    be ignored by every tool.
    """
    reader, writer = os.pipe()
    for fd in (reader, writer):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in signal.valid_signals():
        if number not in FATAL:
            signal.signal(number, signal.SIG_DFL if number in KEPT_DEFAULT else _ignore)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return reader


def _ignore(number: int, frame: object) -> None:
    """The byte in the wake-up pipe is what counts."""


def _keep_standard_fds() -> None:
    """A closed stderr would be given to the next file that is opened."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
