"""Outcomes that Engine decides itself: of attempts that did not start, that were handed back, or that met a fault of ours."""

import logging
from typing import Any

from adapters.process import ShimError
from adapters.verdict import Reason, Verdict
from jobs.services.execution.active import Active
from jobs.services.execution.attempts import Outcome

log = logging.getLogger("engine.runner")

HANDED_BACK = Outcome(Verdict(Reason.LOST, "Handed back: the worker was told to stop.", "shutdown"))


def not_started(active: Active) -> Outcome:
    if active.handed_back:
        return HANDED_BACK
    return Outcome(Verdict(Reason.CANCELLED, "Cancelled before it started.", "engine:cancel"))


def failure(active: Active, fault: Any) -> Outcome:
    """Engine could not run it, or met a defect; the attempt must not stay open."""
    if isinstance(fault, OSError | ShimError):
        return Outcome(Verdict(Reason.INFRA, f"Engine could not run it: {fault}", "prepare"))
    log.error("%s met a defect", active.name, exc_info=fault)
    return Outcome(Verdict(Reason.INFRA, f"Engine met a defect: {fault!r}", "defect"))
