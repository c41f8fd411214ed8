"""Job files: reading one for a command or a program, and the exit code of the outcome."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import schema
from jobs.errors import InvalidDocument, NotFound
from schema.limits import DOCUMENT_BYTES

TIMED_OUT, CANCELLED = 124, 130  # as `timeout` and a shell have them


def read(job_file: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[Any, str | None, Path]:
    """The document, its text, and what its relative paths start from: the directory one stands in."""
    if isinstance(job_file, Mapping):
        return json.loads(json.dumps(dict(job_file))), None, Path.cwd()
    try:
        with contextlib.closing(open(job_file, "rb")) as file:
            text = file.read(DOCUMENT_BYTES + 1)
    except OSError as fault:
        raise NotFound(f"Cannot read the job file {os.fspath(job_file)}: {fault.strerror}.") from None
    document, problems = schema.parse(text)
    if problems:
        raise InvalidDocument(f"{os.fspath(job_file)}: {problems[0].message}", problems)
    return document, text.decode(), Path.cwd()


def exit_code(status: str, code: int | None) -> int:
    """0 when the work is done, the tool's own code when it failed; never 0 for a job that did not end well."""
    if status in ("completed", "review"):
        return 0
    return {"timeout": TIMED_OUT, "cancelled": CANCELLED}.get(status) or code or 1
