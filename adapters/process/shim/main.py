"""Main function of a shim: waits for one `run` order, executes it, and exits."""

import os
import select
import signal

from . import kernel
from .channel import Events, Orders
from .exit_report import refuse
from .loop import Run
from .sink import LogError
from .spawn import SpawnError

ASKED_TO_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
NOT_FOR_US = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGALRM, signal.SIGTSTP)


def main() -> None:
    _keep_standard_fds()
    wakeup = _listen()
    kernel.become_subreaper()
    kernel.hide_memory()
    orders, events = Orders(), Events()
    events.tell("ready", shim_pid=os.getpid())
    while not orders.ended:
        if _wait(orders, wakeup):
            return
        came = orders.read()
        for number, order in enumerate(came):
            if order.get("op") == "run" and isinstance(order.get("spec"), dict):
                orders.keep(came[number + 1 :])
                _carry_out(order["spec"], orders, events, wakeup)
                return


def _carry_out(spec: dict[str, object], orders: Orders, events: Events, wakeup: int) -> None:
    try:
        run = Run(spec, orders, events, wakeup)
    except SpawnError as error:
        refuse(spec, "spawn_error", str(error), events)
    except LogError as error:
        refuse(spec, "log_error", str(error), events)
    except Exception as error:
        refuse(spec, "spawn_error", f"The shim does not understand this run: {type(error).__name__}: {error}.", events)
    else:
        run.carry_out()


def _wait(orders: Orders, wakeup: int) -> bool:
    """Until there is an order; True if the shim is asked to go."""
    poll = select.poll()
    poll.register(orders.fd, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    ready = {fd for fd, _ in poll.poll()}
    return wakeup in ready and any(number in ASKED_TO_STOP for number in os.read(wakeup, 4096))


def _listen() -> int:
    """Signals become bytes in a pipe that the loop polls."""
    reader, writer = os.pipe()
    for fd in (reader, writer):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*ASKED_TO_STOP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    for number in NOT_FOR_US:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return reader


def _keep_standard_fds() -> None:
    """A closed stderr would be given to the next file that is opened."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
