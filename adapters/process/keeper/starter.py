"""Start of a tool: its own session, default signals, the tag of its attempt, and a sentence when it cannot start.

The usual start is vfork, which copies no page tables: a third of the cost of a fork from Python. Where the tool gets
another user, limits or a control group, code has to run between fork and exec, so it is a fork. Both end with the
program's image in place or with a SpawnError. A tool that is to be confined (see `landlock.py`) is started by vfork from a
thread that has confined itself, or confines itself after a fork.
"""

import _thread
import errno
import os
import resource
import select
import signal

from . import kernel, landlock
from .account import Account
from .cgroup import ControlGroup
from .spawn_error import SpawnError, sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

try:
    import _posixsubprocess

    fork_exec: "Callable[..., int] | None" = _posixsubprocess.fork_exec
except ImportError:  # a Python without it: every start is a fork
    fork_exec = None

START_TIMEOUT_S = 4.0  # of the fork path; less than the silence after which the runner gives the keeper up


def start(spec: "dict[str, Any]", account: Account, group: ControlGroup | None, stdio: tuple[int, int, int]) -> int:
    """Start the tool; returns its pid once the new program image is in place."""
    if fork_exec is None or spec.get("rlimits") or account.name is not None or group is not None:
        return _fork(spec, account, group, stdio)
    return _confined(spec, stdio) if spec.get("confine") else _vfork(spec, stdio)


def _confined(spec: "dict[str, Any]", stdio: tuple[int, int, int]) -> int:
    """`_vfork` in a thread of its own: a restriction stays with the thread that made it, and is never taken back."""
    outcome: list[int | BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def restrict_and_start() -> None:
        try:
            landlock.restrict(spec["confine"])
            outcome.append(_vfork(spec, stdio))
        except BaseException as failure:
            outcome.append(failure)
        finally:
            done.release()

    _thread.start_new_thread(restrict_and_start, ())
    with done:
        (pid_or_failure,) = outcome
    if isinstance(pid_or_failure, landlock.NotConfined):
        raise SpawnError(sentence(spec, "confine", pid_or_failure.errno or 0, str(pid_or_failure)))
    if isinstance(pid_or_failure, BaseException):
        raise pid_or_failure
    return pid_or_failure


def _vfork(spec: "dict[str, Any]", stdio: tuple[int, int, int]) -> int:
    """The keeper stands still until exec: that is what makes it cheap, and why a working directory on a dead network
    disk stops it; the runner then ends this keeper (see `client.py`)."""
    assert fork_exec is not None
    stdin, stdout, stderr = stdio
    report, reporter = os.pipe()
    try:
        arguments = [os.fsencode(word) for word in spec["argv"]]
        pid = fork_exec(
            arguments,
            [os.fsencode(path) for path in _candidates(spec)],
            True,  # close all other files
            (reporter,),
            spec["cwd"],
            _environment(spec["env"]),
            *(stdin, -1, -1, stdout, -1, stderr, report, reporter),
            True,  # restore the signals that Python ignores
            True,  # start a session
            *(-1, None, None, None),  # process group, group, groups and user as they are
            spec["umask"],
            None,  # nothing to call in the child
            True,  # vfork
        )
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else 0
        raise SpawnError(sentence(spec, "set-up", number or 0, str(error))) from error
    finally:
        os.close(reporter)
        message = _read_and_close(report)
    if message:
        os.waitpid(pid, 0)
        kind, number_hex, text = message.decode("utf-8", "replace").split(":", 2)
        stage = "cwd" if text == "noexec:chdir" else "set-up" if text else "exec"
        raise SpawnError(sentence(spec, stage, int(number_hex or "0", 16), text or kind))
    return pid


def _read_and_close(report: int) -> bytes:
    try:
        return os.read(report, 4096)  # exec closes the other end: no bytes mean success
    finally:
        os.close(report)


def _environment(env: dict[str, str]) -> list[bytes]:
    pairs = []
    for name, value in env.items():
        if not name or "=" in name:
            raise ValueError(f"{name!r} is no name of an environment variable")
        pairs.append(os.fsencode(name) + b"=" + os.fsencode(value))
    return pairs


def _candidates(spec: "dict[str, Any]") -> list[str]:
    """The paths to try, in order."""
    program = spec["argv"][0]
    if "/" in program:
        return [program]
    folders = [folder for folder in spec["env"].get("PATH", os.defpath).split(":") if folder]
    return [folder + "/" + program for folder in folders] or ["/nonexistent/" + program]


def _fork(spec: "dict[str, Any]", account: Account, group: ControlGroup | None, stdio: tuple[int, int, int]) -> int:
    report, reporter = os.pipe()
    keeper = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        stage = "set-up"
        try:
            for stage in _become_tool(spec, account, group, keeper, stdio):  # noqa: B007 - used below
                pass
        except BaseException as failure:
            number = failure.errno if isinstance(failure, OSError) else 0
            os.write(reporter, f"{stage}\0{number or 0}\0{failure}".encode("utf-8", "replace")[:4000])
        os._exit(127)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.close(reporter)
    try:
        _wait_for_exec(spec, pid, report)
    finally:
        os.close(report)
    return pid


def _become_tool(
    spec: "dict[str, Any]", account: Account, group: ControlGroup | None, keeper: int, stdio: tuple[int, int, int]
) -> "Iterator[str]":
    yield "session"
    os.setsid()
    if group is not None:
        group.enter()  # where that fails the tool runs outside, and is found by its tag
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)  # Python ignores SIGPIPE and SIGXFSZ
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    os.umask(spec["umask"])
    yield "rlimits"
    for name, value in (spec.get("rlimits") or {}).items():
        limits = (value, value) if isinstance(value, int) else tuple(value)
        resource.setrlimit(getattr(resource, "RLIMIT_" + name.upper()), limits)
    if spec.get("confine"):
        yield "confine"
        landlock.restrict(spec["confine"])
    yield "user"
    account.become()
    kernel.die_with_parent(signal.SIGKILL)  # after setuid, which clears it
    if os.getppid() != keeper:
        os._exit(127)  # the keeper died before the line above could take effect
    yield "cwd"
    os.chdir(spec["cwd"])
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    yield "exec"
    _exec(spec)


def _exec(spec: "dict[str, Any]") -> None:
    """Like execvpe, which imports a module: too late here, after another user may be unable to read it."""
    denied: OSError | None = None
    for path in _candidates(spec):
        try:
            os.execve(path, spec["argv"], spec["env"])  # noqa: S606 - an argument list, no shell
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            denied = error
    raise denied or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _wait_for_exec(spec: "dict[str, Any]", pid: int, report: int) -> None:
    poll = select.poll()
    poll.register(report, select.POLLIN)
    if not poll.poll(START_TIMEOUT_S * 1000):
        os.kill(pid, signal.SIGKILL)
        raise SpawnError(f"{spec['argv'][0]} did not start within {START_TIMEOUT_S:g} s; is its disk away?", pid)
    message = os.read(report, 4096)  # exec closes the pipe: no bytes mean success
    if message:
        os.waitpid(pid, 0)
        stage, number, text = message.decode("utf-8", "replace").split("\0", 2)
        raise SpawnError(sentence(spec, stage, int(number), text))
