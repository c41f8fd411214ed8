"""Django system checks of the configuration: values that can be read, and do not fit this host.

What cannot be read at all stops a process when it loads the settings (`engine_site/env.py`).
"""

import pwd
import resource
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from adapters import registry

TAG = "engine"


@register(TAG)
def roots(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"ENGINE_ROOTS names {root}, which is not a directory.",
            hint="Create it, or set ENGINE_ROOTS to directories that exist, with commas between them.",
            id="engine.E001",
        )
        for root in settings.ENGINE_ROOTS
        if not Path(root).is_dir()
    ]


@register(TAG)
def limits_of_resources(**_: Any) -> list[CheckMessage]:
    known = sorted(name.removeprefix("RLIMIT_").lower() for name in dir(resource) if name.startswith("RLIMIT_"))
    return [
        Error(
            f"ENGINE_RLIMITS has {name!r}, which this system does not know.",
            hint=f"Use some of {', '.join(known)}.",
            id="engine.E002",
        )
        for name in settings.ENGINE_RLIMITS
        if name.lower() not in known
    ]


@register(TAG)
def order_of_times(**_: Any) -> list[CheckMessage]:
    if settings.ENGINE_HEARTBEAT_S < settings.ENGINE_WATCHDOG_S < settings.ENGINE_LEASE_S:
        return []
    times = f"{settings.ENGINE_HEARTBEAT_S:g}, {settings.ENGINE_WATCHDOG_S:g} and {settings.ENGINE_LEASE_S:g} s"
    return [
        Error(
            f"ENGINE_HEARTBEAT_S, ENGINE_WATCHDOG_S and ENGINE_LEASE_S are {times}; each must be above the one before.",
            hint="Leave them out: the defaults are 2, 25 and 28 s.",
            id="engine.E003",
        )
    ]


@register(TAG)
def user_of_jobs(**_: Any) -> list[CheckMessage]:
    name = settings.ENGINE_RUN_AS
    if not name or name in {account.pw_name for account in pwd.getpwall()}:
        return []
    hint = "Create the user, or leave ENGINE_RUN_AS out: then jobs run as Engine's own user."
    return [Error(f"ENGINE_RUN_AS is {name!r}; this host has no such user.", hint=hint, id="engine.E004")]


@register(TAG)
def limits_of_tools(**_: Any) -> list[CheckMessage]:
    known = sorted(registry.adapters())
    return [
        Warning(
            f"ENGINE_TOOL_LIMITS limits {name!r}, which is not an installed tool.",
            hint=f"The tools are {', '.join(known)}.",
            id="engine.W001",
        )
        for name in settings.ENGINE_TOOL_LIMITS
        if name not in known
    ]
