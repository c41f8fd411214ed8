"""The report of an ending: written to exit.json, then sent to the runner."""

import os
import time

from . import clock
from .attempt_files import ExitRecord, ended_already
from .log.sink import LogError
from .protocol import Control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def facts(spec: "dict[str, Any]", ended_by: str, error: str, started_at: float, started: float) -> "dict[str, Any]":
    """The fields that every ending has, also one of a run that never started. `started` is a time of `clock.now`."""
    return {
        "marker": spec.get("marker"),
        "ended_by": ended_by,
        "error": error,
        "started_at": started_at,
        "ended_at": time.time(),
        "duration_s": clock.now() - started,
        "rusage": {"user_s": 0.0, "system_s": 0.0, "max_rss_kb": 0.0},
    }


def publish(number: object, ending: "dict[str, Any]", record: ExitRecord | None, control: Control) -> None:
    """Write exit.json, then send the event: what the runner is sent must be on disk when it looks."""
    if record is not None:
        try:
            record.write(ending)
        except OSError as error:
            ending["error"] = f"{ending['error']} The ending could not be recorded: {os.strerror(error.errno or 0)}."
    control.tell("exit", id=number, **ending)


def refuse(number: object, spec: "dict[str, Any]", cause: str, error: str, control: Control) -> None:
    """Report a run that never started."""
    try:
        directory = spec["attempt_dir"]
        record = None if ended_already(directory) else ExitRecord(directory)
    except (LogError, OSError, KeyError, TypeError):
        record = None
    publish(number, facts(spec, cause, error, time.time(), clock.now()), record, control)
