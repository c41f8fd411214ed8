"""Record of an attempt's end: its columns and its event, the same for one attempt and for a batch."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.process import Ending
from adapters.verdict import Reason, Verdict
from jobs.models import Event, Job, StepAttempt
from jobs.services.core import events
from jobs.services.core.sanitize import storable
from jobs.states import ATTEMPT_NEXT, AttemptStatus

STATUS = {
    Reason.OK: AttemptStatus.COMPLETED,
    Reason.TIMEOUT: AttemptStatus.TIMEOUT,
    Reason.STALLED: AttemptStatus.TIMEOUT,
    Reason.CANCELLED: AttemptStatus.CANCELLED,
    Reason.LOST: AttemptStatus.LOST,
}


def closing_fields(
    attempt: StepAttempt,
    job_id: str,
    verdict: Verdict,
    ending: Ending | None,
    *,
    head_commit: str,
    error_report: str,
    at: datetime,
) -> dict[str, Any]:
    """The columns that change when the attempt ends; without an ending, those that it would tell stay out."""
    status = STATUS.get(verdict.reason, AttemptStatus.FAILED)
    assert status in ATTEMPT_NEXT[AttemptStatus.RUNNING]
    fields: dict[str, Any] = {
        "status": status,
        "completed_at": at,
        "reason": verdict.reason.value,
        "verdict": {
            "summary": verdict.summary,
            "rule": verdict.rule,
            "evidence": list(verdict.evidence),
            "details": dict(verdict.details),
            "reset_at": verdict.reset_at,
        },
        "usage": dict(verdict.usage),
        "head_commit": head_commit or attempt.head_commit,
        "lease_until": None,
    }
    if ending is not None:
        fields |= {
            "exit_code": ending.exit_code,
            "signal": ending.signal,
            "survivors": ending.survivors,
            "log_bytes": ending.log_bytes,
            "log_lines": ending.log_lines,
            "first_error_line": ending.first_error_line,
        }
    duration = ending.duration_s if ending else max(0.0, (at - attempt.started_at).total_seconds())
    fields["result_json"] = storable(
        {
            "job_id": job_id,
            "exit_code": fields.get("exit_code"),
            "error_report_path": error_report,
            "duration_s": round(duration, 3),
            "success": verdict.success,
            "status": status.value,
            "reason": verdict.reason.value,
            "summary": verdict.summary,
            **({"ending": ending.as_dict()} if ending else {}),
        }
    )
    return fields


def closing_event(job: Job, attempt: StepAttempt, verdict: Verdict, ending: Ending | None, then: str, by: str) -> Event:
    """`attempt.<status>`, not written yet; `then` is what follows."""
    stop: Mapping[str, Any] = {}
    if ending and (ending.killed or ending.survivors):
        stop = {"killed": ending.killed, "survivors": ending.survivors, "stop_s": round(ending.stop_s, 2)}
    return events.event(
        f"attempt.{attempt.status}",
        job=job,
        by=by,
        attempt=attempt.number,
        tool=attempt.step_name,
        reason=verdict.reason.value,
        summary=verdict.summary,
        exit_code=attempt.exit_code,
        then=then,
        **stop,
    )
