"""The settings that decide which jobs run, as the workers have them: a terminal or web server may have others."""

import platform
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from jobs.models import Node


@dataclass(frozen=True)
class Installation:
    """What a worker was started with."""

    roots: tuple[str, ...]  # directories in which jobs may work
    shell_allowed: bool
    executables: tuple[str, ...]  # that jobs may run besides the adapters' own
    data: str
    python: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def of_this_process() -> Installation:
    return Installation(
        roots=tuple(settings.ENGINE_ROOTS),
        shell_allowed=settings.ENGINE_ALLOW_SHELL,
        executables=tuple(settings.ENGINE_EXECUTABLES),
        data=str(settings.ENGINE_DATA_DIR),
        python=platform.python_version(),
    )


def of_the_workers() -> Installation | None:
    """Of the worker that was heard of last, alive or not; None when none has told."""
    for node in Node.objects.order_by("-heartbeat_at")[:20]:
        if node.environment:
            told = node.environment
            return Installation(
                roots=tuple(told["roots"]),
                shell_allowed=told["shell_allowed"],
                executables=tuple(told["executables"]),
                data=told["data"],
                python=told["python"],
            )
    return None
