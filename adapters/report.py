"""The error report: one JSON file per failed attempt, for people and for the tools that come after."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.errors import OutsideRoots
from adapters.evidence import Evidence
from adapters.paths import inside
from adapters.process.spec import Ending
from adapters.verdict import Verdict


def write(
    path: Path,
    *,
    job: Mapping[str, Any],
    verdict: Verdict,
    ending: Ending | None,
    attempt_dir: Path,
    attempt: int,
    roots: Iterable[Path | str],
) -> Path:
    """Write the report whole or not at all; `ending` is None if nothing was started.

    Raises OutsideRoots, and OSError where the disk does not take it.
    """
    # Looked at again now: the tool may have put a symlink there since the job was accepted.
    if not inside(path.parent, roots):
        raise OutsideRoots(f"paths.error_report leads out of the allowed roots to {path}; name a place inside of them")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            json.dump(
                _content(job, verdict, ending, attempt_dir, attempt), file, indent=2, ensure_ascii=False, default=str
            )
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def withdraw(path: Path, job_id: str, roots: Iterable[Path | str]) -> None:
    """Remove the report of an earlier attempt of the same job; a file that is anything else stays."""
    try:
        if path.is_symlink() or not inside(path, roots):
            return
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("job_id") == job_id and "log_tail" in found:
            path.unlink()
    except (OSError, ValueError):  # not there, or not a report
        return


def _content(
    job: Mapping[str, Any], verdict: Verdict, ending: Ending | None, attempt_dir: Path, attempt: int
) -> dict[str, Any]:
    return {
        "job_id": job.get("job_id", ""),
        "run_id": job.get("run_id", ""),
        "workstream_id": job.get("workstream_id", ""),
        "tool": job.get("tool", ""),
        "attempt": attempt,
        "exit_code": ending.exit_code if ending else None,
        "signal": ending.signal if ending else None,
        "ended_by": str(ending.ended_by) if ending else "not_started",
        "duration_s": ending.duration_s if ending else 0.0,
        "category": verdict.reason.value,
        "summary": verdict.summary,
        "details": {
            **verdict.details,
            "rule": verdict.rule,
            "evidence": list(verdict.evidence),
            "reset_at": verdict.reset_at,
            "usage": dict(verdict.usage),
        },
        "log_tail": Evidence(attempt_dir).tail() if ending else "",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
