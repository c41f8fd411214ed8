"""Processes of the site, forked from one that has imported what they need: they share what they do not change."""

import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from django.db import connections

from jobs.queue.robust import bind_to_parent, fork_process

PR_SET_NAME = 15


def start(name: str, run: Callable[..., object], *arguments: object) -> BaseProcess:
    """A child in a process group of its own, so that Ctrl-C in a terminal reaches only its parent, with which it dies."""
    connections.close_all()
    sys.stdout.flush()
    process: BaseProcess = fork_process(_in_child, os.getpid(), name, run, *arguments)
    return process


def share_memory() -> None:
    """Keep the collector from writing into what the children will share."""
    gc.collect()
    gc.freeze()


def _in_child(parent: int, name: str, run: Callable[..., object], *arguments: object) -> None:
    bind_to_parent()
    if os.getppid() != parent:
        os._exit(1)  # it died before the bond was made
    os.setpgrp()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_NAME, f"engine-{name}".encode(), 0, 0, 0)
    run(*arguments)
