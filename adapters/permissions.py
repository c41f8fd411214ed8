"""Permissions: what a tool that asks before it acts is told that it may do without a person to ask.

A server or a project names one of these; each adapter says which flags that means for its tool.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never


class Permissions(StrEnum):
    READ = "read"  # a job with `metadata.access: read`, whatever the server says
    OWN = "own"  # Engine adds nothing; the tool's own defaults and settings hold
    EDIT = "edit"
    FULL = "full"


# What a server or a project may be set to; READ follows from the job.
CHOICES = (Permissions.OWN, Permissions.EDIT, Permissions.FULL)


def in_words(permissions: Permissions) -> str:
    match permissions:
        case Permissions.READ:
            return "may read files only"
        case Permissions.OWN:
            return "follows its own settings"
        case Permissions.EDIT:
            return "may edit files without asking"
        case Permissions.FULL:
            return "may edit files and run any command without asking"
        case _:
            assert_never(permissions)
