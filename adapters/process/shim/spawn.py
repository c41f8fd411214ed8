"""Start of the tool: its own session, default signals, death with the shim, and a sentence when it cannot start."""

import errno
import os
import pwd
import resource
import select
import signal

from . import kernel
from .cgroup import ControlGroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

START_TIMEOUT_S = 10.0  # chdir or exec on a dead network disk must not hang the shim


class SpawnError(Exception):
    """The tool never ran; the text is for a person."""


class Account:
    """Whom the tool runs as; looked up before the fork."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        if name is None:
            return
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise SpawnError(f"There is no user {name!r} on this host to run the tool as.") from None
        self.uid, self.gid = entry.pw_uid, entry.pw_gid

    def become(self) -> None:
        if self.name is not None:
            os.initgroups(self.name, self.gid)
            os.setgid(self.gid)
            os.setuid(self.uid)

    @property
    def uids(self) -> tuple[int, ...]:
        return (os.geteuid(),) if self.name is None else (os.geteuid(), self.uid)


def start(
    spec: "dict[str, Any]", account: Account, group: ControlGroup | None, stdin: int, stdout: int, stderr: int
) -> int:
    """Fork and exec; returns the pid once the new program image is in place."""
    told, tell = os.pipe()
    shim = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        stage = "set-up"
        try:
            for stage in _become_tool(spec, account, group, shim, (stdin, stdout, stderr)):  # noqa: B007 - told below
                pass
        except BaseException as failure:
            number = failure.errno if isinstance(failure, OSError) else 0
            os.write(tell, f"{stage}\0{number or 0}\0{failure}".encode("utf-8", "replace")[:4000])
        os._exit(127)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.close(tell)
    try:
        _wait_for_exec(spec, pid, told)
    finally:
        os.close(told)
    return pid


def _become_tool(
    spec: "dict[str, Any]", account: Account, group: ControlGroup | None, shim: int, stdio: tuple[int, int, int]
) -> "Any":
    yield "session"
    os.setsid()
    if group is not None:
        group.enter()  # where that fails the tool runs outside, and is found by descent and marker
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)  # Python ignores SIGPIPE and SIGXFSZ; a worker may ignore more
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    os.umask(spec["umask"])
    yield "rlimits"
    for name, value in (spec.get("rlimits") or {}).items():
        limits = (value, value) if isinstance(value, int) else tuple(value)
        resource.setrlimit(getattr(resource, "RLIMIT_" + name.upper()), limits)
    yield "user"
    account.become()
    kernel.die_with_parent(signal.SIGKILL)  # after setuid, which clears it
    if os.getppid() != shim:
        os._exit(127)  # the shim died before the line above could take effect
    yield "cwd"
    os.chdir(spec["cwd"])
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    yield "exec"
    _exec(spec["argv"], spec["env"])


def _exec(argv: list[str], env: dict[str, str]) -> None:
    """Like execvpe, which imports a module: too late here, after another user may be unable to read it."""
    denied: OSError | None = None
    where = [""] if "/" in argv[0] else [folder + "/" for folder in env.get("PATH", os.defpath).split(":") if folder]
    for folder in where:
        try:
            os.execve(folder + argv[0], argv, env)  # noqa: S606 - an argument list, no shell
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            denied = error
    raise denied or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _wait_for_exec(spec: "dict[str, Any]", pid: int, told: int) -> None:
    poll = select.poll()
    poll.register(told, select.POLLIN)
    if not poll.poll(START_TIMEOUT_S * 1000):
        os.kill(pid, signal.SIGKILL)
        raise SpawnError(f"{spec['argv'][0]} did not start within {START_TIMEOUT_S:g} s; is its disk away?")
    message = os.read(told, 4096)  # exec closes the pipe: no bytes mean success
    if message:
        os.waitpid(pid, 0)
        stage, number, text = message.decode("utf-8", "replace").split("\0", 2)
        raise SpawnError(_sentence(spec, stage, int(number), text))


def _sentence(spec: "dict[str, Any]", stage: str, number: int, text: str) -> str:
    program, cwd = spec["argv"][0], spec["cwd"]
    if stage == "cwd":
        return f"The working directory {cwd} cannot be entered: {os.strerror(number)} (paths.working_dir)."
    if stage == "user":
        return f"The tool cannot run as user {spec.get('user')!r}: {text}."
    if stage == "rlimits":
        return f"The limits {spec.get('rlimits')} cannot be set: {text}."
    if stage != "exec":
        return f"{program} could not be started: {text}."
    if number == errno.ENOENT and "/" in program and os.path.exists(os.path.join(cwd, program)):  # noqa: PTH110, PTH118
        return f"{program} could not be started: the interpreter named in its first line does not exist."
    if number in (errno.ENOENT, errno.ENOTDIR):
        where = "there is no such file" if "/" in program else "it is not on the PATH of the job"
        return f"{program} could not be started: {where} (command.exe)."
    if number in (errno.EACCES, errno.EPERM):
        return f"{program} could not be started: it is not executable for this user (command.exe)."
    if number == errno.ENOEXEC:
        return f"{program} could not be started: it is no program of this system and its first line names none (#!)."
    if number == errno.E2BIG:
        return f"{program} could not be started: arguments and environment are too long; use stdin (command.stdin)."
    return f"{program} could not be started: {os.strerror(number) if number else text}."
