"""Waits with a time limit: for pipes and for the end of a child."""

import select
import subprocess
import time


def readable(fd: int, until: float | None) -> bool:
    """True as soon as `fd` has something, False at the monotonic time `until`."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000))


def writable(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def ended(process: "subprocess.Popen[bytes]", bound_s: float) -> bool:
    try:
        process.wait(bound_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def end(process: "subprocess.Popen[bytes]") -> int | None:
    """Kill it if it still runs. None: even SIGKILL did not end it within two seconds."""
    if process.poll() is None:
        process.kill()
        ended(process, 2.0)
    return process.poll()


def how(code: int | None) -> str:
    if code is None:
        return "it does not end"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
