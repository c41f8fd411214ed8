"""State of a runner: its active attempts, the keepers that run them, and the work with files beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError

from adapters.process import KeeperPool
from jobs.services.execution.active import Active
from jobs.services.execution.file_work import FileWork, is_quick, outcome_of

UNAVAILABLE = (OperationalError, InterfaceError)  # anything else the database says is a defect


@dataclass(eq=False)
class RunnerState:
    """What the modules of a runner share. For the thread that calls `Runner.turn`."""

    active: dict[int, Active] = field(default_factory=dict)  # by the key of the attempt
    pool: KeeperPool = field(default_factory=KeeperPool)
    files: FileWork = field(default_factory=FileWork)
    changed: bool = False  # this turn changed something, so the next one may wait for more
    freed: bool = False  # this turn freed slots

    def all(self) -> list[Active]:
        """A copy: handling one may remove it."""
        return list(self.active.values())

    def drop(self, active: Active) -> None:
        self.active.pop(active.attempt.pk, None)

    def do(self, active: Active, step: Callable[[], Any], done: Callable[[Active, Any], None]) -> None:
        """At once where it is quick, else in a thread. `done` gets what `step` returned or raised."""
        if is_quick(active):
            done(active, outcome_of(step))
        else:
            self.files.run(step, partial(done, active))
