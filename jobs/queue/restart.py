"""Planned restart: the command of this process is executed again, with the same process id and the code as it is now."""

import logging
import os
import signal
import sys
from typing import NoReturn

RESTART = signal.SIGUSR2
log = logging.getLogger("engine.cluster")


def run_again() -> NoReturn:
    log.info("restarting: %s", " ".join(sys.orig_argv))
    signal.signal(RESTART, signal.SIG_IGN)  # a second one must not end the new program before it listens
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
