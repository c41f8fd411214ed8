"""Confinement of a tool by the kernel: Landlock rules for files, signals and sockets, and fewer capabilities.

Needs no privilege and no helper program. A restriction belongs to the thread that makes it and to what that thread starts,
so the keeper makes it in a thread that lives for one start, or in the child of a fork. It can never be taken back.
"""

import ctypes
import errno
import os
import stat
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# System calls: the same numbers on all architectures since Linux 5.13.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1  # flag of CREATE_RULESET: report the version of the interface
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the rights that a rule for a single file may hold
# What each version of the interface can restrict; what it cannot stays allowed.
FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
SCOPES_SINCE, ABSTRACT_SOCKETS, SIGNALS = 6, 1 << 0, 1 << 1

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
# CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID, NET_BIND_SERVICE: what a program of root needs to work with files that
# belong to others. Without the rest it neither traces processes nor mounts nor reads around permissions.
KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 6, 7, 10})
MAX_CAPABILITIES = 64


class NotConfined(OSError):
    """The kernel refused a step; nothing was started."""


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


_BENEATH = struct.Struct("=Qi")  # the rights, and a descriptor of the path

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


def version() -> int:
    """The version of the kernel's interface; 0 where there is none, or where the administrator switched it off."""
    if _LIBC is None:
        return 0
    return max(0, int(_LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)))


def restrict(confine: "dict[str, Any]") -> None:
    """Confine the calling thread and all that it starts to `confine["read"]` and `confine["write"]`, lists of paths.

    A path that does not exist allows nothing. Raises NotConfined.
    """
    supported = version()
    rights = FILE_RIGHTS.get(min(supported, max(FILE_RIGHTS)), 0)
    if not rights or _LIBC is None:
        raise NotConfined(0, "this kernel has no Landlock (Linux 5.13 or newer, with landlock in its list of LSMs)")
    scopes = ABSTRACT_SOCKETS | SIGNALS if supported >= SCOPES_SINCE else 0
    rules = _Rules(rights, 0, scopes)
    size = ctypes.sizeof(rules) if scopes else ctypes.sizeof(ctypes.c_uint64)
    ruleset = _call(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    try:
        _allow(ruleset, confine["read"], rights & READ)
        _allow(ruleset, confine["write"], rights)
        drop_capabilities()
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def drop_capabilities() -> None:
    """Take from the bounding set what no tool needs, so that no program of root's gets it back at exec."""
    if os.geteuid() != 0:
        return  # no_new_privs is enough: there is nothing to take
    for capability in range(MAX_CAPABILITIES):
        if capability not in KEPT_CAPABILITIES and not _drop(capability):
            break  # the kernel knows no more


def _drop(capability: int) -> bool:
    try:
        _prctl(PR_CAPBSET_DROP, capability)
    except NotConfined as refusal:
        if refusal.errno == errno.EINVAL:
            return False
        raise
    return True


def _allow(ruleset: int, paths: "Iterable[str]", rights: int) -> None:
    """Called with some 70 paths at each start, so each of the few calls per path counts."""
    rule = ctypes.create_string_buffer(_BENEATH.size)
    for path in paths:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            is_directory = stat.S_ISDIR(os.fstat(parent).st_mode)
            _BENEATH.pack_into(rule, 0, rights if is_directory else rights & ON_FILES, parent)
            _call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
        finally:
            os.close(parent)


def _prctl(option: int, value: int) -> None:
    assert _LIBC is not None
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise NotConfined(ctypes.get_errno(), f"prctl({option}, {value}): {os.strerror(ctypes.get_errno())}")


def _call(number: int, *arguments: "Any") -> int:
    assert _LIBC is not None
    result = int(_LIBC.syscall(number, *arguments))
    if result < 0:
        raise NotConfined(ctypes.get_errno(), f"landlock call {number}: {os.strerror(ctypes.get_errno())}")
    return result
