"""Run a program under a shim that owns its whole process tree. No Django here."""

from adapters.process.runner import Shim, ShimError, run_process
from adapters.process.spec import MARKER_NAME, EndedBy, Ending, Spec

__all__ = ["MARKER_NAME", "EndedBy", "Ending", "Shim", "ShimError", "Spec", "run_process"]
