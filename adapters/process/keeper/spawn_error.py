"""Failure to start a tool, as a sentence that names the field of the job to change."""

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SpawnError(Exception):
    """The tool never ran; the text is for a person. `pid` is a child that was killed and is not yet reaped, or 0."""

    def __init__(self, text: str, pid: int = 0) -> None:
        super().__init__(text)
        self.pid = pid


def sentence(spec: "dict[str, Any]", stage: str, number: int, text: str) -> str:
    """What could not be done at `stage`, with the field of the job that would change it."""
    program, cwd = spec["argv"][0], spec["cwd"]
    if stage == "cwd":
        return f"The working directory {cwd} cannot be entered: {os.strerror(number)} (paths.working_dir)."
    if stage == "user":
        return f"The tool cannot run as user {spec.get('user')!r}: {text}."
    if stage == "rlimits":
        return f"The limits {spec.get('rlimits')} cannot be set: {text}."
    if stage == "confine":
        return f"The tool cannot be confined, so it was not started: {text} (ENGINE_CONFINE)."
    if stage != "exec":
        return f"{program} could not be started: {text}."
    if number == errno.ENOENT and "/" in program and os.path.exists(os.path.join(cwd, program)):  # noqa: PTH110, PTH118
        return f"{program} could not be started: the interpreter named in its first line does not exist."
    if number in (errno.ENOENT, errno.ENOTDIR):
        where = "there is no such file" if "/" in program else "it is not on the PATH of the job"
        return f"{program} could not be started: {where} (command.exe)."
    if number in (errno.EACCES, errno.EPERM):
        closed = ", or it lies outside of what a confined tool may read" if spec.get("confine") else ""
        return f"{program} could not be started: it is not executable for this user{closed} (command.exe)."
    if number == errno.ENOEXEC:
        return f"{program} could not be started: it is no program of this system and its first line names none (#!)."
    if number == errno.E2BIG:
        return f"{program} could not be started: arguments and environment are too long; use stdin (command.stdin)."
    return f"{program} could not be started: {os.strerror(number) if number else text}."
