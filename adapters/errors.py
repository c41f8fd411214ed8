"""Exceptions that keep an attempt from starting. Each message names the field and the way out."""

from __future__ import annotations

from adapters.verdict import Reason


class AdapterError(Exception):
    """The job cannot be run as it stands; nothing was started."""

    reason = Reason.REFUSED
    blames_tool = False  # whether other jobs of the same tool would meet it on this host, too


class MissingExecutable(AdapterError):
    """The program is not there, or not executable."""

    reason = Reason.INFRA
    blames_tool = True


class MissingDirectory(AdapterError):
    """`repo_root` or `working_dir` is not a directory."""

    reason = Reason.INFRA


class MissingSecret(AdapterError):
    """`env` names a secret that the engine does not hold."""

    reason = Reason.INFRA


class BadCommand(AdapterError):
    """The command is not one that this adapter runs."""


class DangerousName(AdapterError):
    """`env` sets a variable that makes programs load or run other code."""


class NotSetUp(AdapterError):
    """The tool is not installed on this host, has no key and is not logged in."""


class OutsideRoots(AdapterError):
    """A path leads out of the directories that the job may use."""


class TreeUnknown(AdapterError):
    """git cannot tell the state of the working tree, and the verdict would rest on it."""

    reason = Reason.INFRA


class CannotConfine(AdapterError):
    """Tools have to be confined, and this host cannot."""

    reason = Reason.INFRA
    blames_tool = True


class UnknownTool(AdapterError, LookupError):
    """No adapter of that name is registered."""
