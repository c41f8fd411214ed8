"""The report of an ending: written to exit.json, then sent to the worker."""

import os
import resource
import time

from .attempt_files import ExitRecord, ended_already
from .channel import Events
from .sink import LogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXIT_EVENT_TIMEOUT_S = 2.0  # for a worker that is slow to read; the record on disk does not depend on it


def facts(spec: "dict[str, Any]", ended_by: str, error: str, started_at: float, started: float) -> "dict[str, Any]":
    """The fields that every ending has, also one of a run that never started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "marker": spec.get("marker"),
        "ended_by": ended_by,
        "error": error,
        "started_at": started_at,
        "ended_at": time.time(),
        "duration_s": time.monotonic() - started,
        "rusage": {"user_s": used.ru_utime, "system_s": used.ru_stime, "max_rss_kb": float(used.ru_maxrss)},
    }


def publish(ending: "dict[str, Any]", record: ExitRecord | None, events: Events) -> None:
    """Write exit.json, then send the event: what the worker is sent must be on disk when it looks."""
    if record is not None:
        try:
            record.write(ending)
        except OSError as error:
            ending["error"] = f"{ending['error']} The ending could not be recorded: {os.strerror(error.errno or 0)}."
    events.tell("exit", **ending)
    events.finish(EXIT_EVENT_TIMEOUT_S)


def refuse(spec: "dict[str, Any]", cause: str, error: str, events: Events) -> None:
    """Report a run that never started."""
    try:
        directory = spec["attempt_dir"]
        record = None if ended_already(directory) else ExitRecord(directory)
    except (LogError, OSError, KeyError):
        record = None
    publish(facts(spec, cause, error, time.time(), time.monotonic()), record, events)
