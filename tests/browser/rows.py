"""A team's morning at Engine: rows and logs for every page, in the database that the environment names.

python -m tests.browser.rows            fills an empty database
python -m tests.browser.rows end ID     lets the running attempt of job ID end well
"""

import json
import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from adapters.process.keeper.log.index import ENTRY  # noqa: E402
from jobs.models import Dependency, ErrorGroup, Job, Node, QueueControl, StepAttempt, ToolControl  # noqa: E402
from jobs.services.core import events  # noqa: E402
from jobs.states import FINAL  # noqa: E402
from tests.factories import make_attempt, make_document, make_job, make_run, make_user  # noqa: E402

NOW = timezone.now()
REFUNDS, CLEANUP, SDK = "run-007", "run-006", "run-004"
EVIDENCE = [
    "tests/refunds/test_api.py:88  test_refund_is_idempotent",
    '>   assert again.json()["id"] == first.json()["id"]',
    "E   AssertionError: 'rf_0192b' != 'rf_0192a'",
]
VERDICT = {"summary": "AssertionError: refund created twice", "rule": "pytest:1", "evidence": EVIDENCE}


def ago(minutes: float) -> Any:
    return NOW - timedelta(minutes=minutes)


def job(
    number: int, status: str, title: str, tool: str, ws: str, run: str, by: str, minutes: float, **fields: Any
) -> Job:
    took, first = fields.pop("took", 60), fields.pop("first", tool)
    metadata = {
        "title": title,
        "timeout_seconds": 900,
        "retry_policy": "escalate_to_codex",
        **fields.pop("metadata", {}),
    }
    spec = make_document(
        job_id=f"job-{number:04}",
        run_id=run,
        workstream_id=ws,
        tool=first,
        metadata=metadata,
        env={"OPENAI_API_KEY": {"secret": "OPENAI"}, "GIT_EDITOR": "true"},
        command={"exe": first, "args": ["--message", title, "--yes-always"]},
    )
    if status in FINAL:
        fields.setdefault("finished_at", ago(minutes) + timedelta(seconds=took))
        fields.setdefault("started_at", ago(minutes))
    made = make_job(status, spec=spec, at=ago(minutes), title=title, tool=tool, submitted_by=by, **fields)
    events.record("job.submitted", job=made, by=by, tool=tool)
    if status != "queued":
        events.record(f"job.{status}", job=made, old="queued", new=status)
    return made


def write_log(attempt: StepAttempt, lines: int) -> None:
    """As the shim writes it: the text, the offsets of each 500th line, the lines that look like errors."""
    attempt.directory.mkdir(parents=True, exist_ok=True)
    offset, wrong = 0, {120, lines - 3}
    with (
        (attempt.directory / "output.log").open("wb") as log,
        (attempt.directory / "output.idx").open("wb") as index,
        (attempt.directory / "errors.idx").open("w") as errors,
    ):
        for number in range(1, lines + 1):
            if number % 500 == 1:
                index.write(ENTRY.pack(number, offset, int(attempt.started_at.timestamp() * 1e6) + number))
            text = f"tests/test_service.py::\x1b[1mTestApply\x1b[0m::test_refund[{number}] \x1b[32mPASSED\x1b[0m"
            if number in wrong:
                text = f"\x1b[31mtests/test_flow.py::test_same_key FAILED\x1b[0m at line {number} <b>not bold</b>"
                errors.write(json.dumps({"line": number, "offset": offset, "text": text}) + "\n")
            log.write(f"{text}\n".encode())
            offset += len(text.encode()) + 1
    StepAttempt.objects.filter(pk=attempt.pk).update(log_lines=lines, log_bytes=offset, first_error_line=120)


def fill() -> None:
    call_command("migrate", verbosity=0)
    mara = make_user("mara", admin=True)
    for run, title, status in (
        (SDK, "SDK 4.2 release", "completed"),
        (CLEANUP, "September clean-up", "running"),
        (REFUNDS, "Idempotent refunds", "running"),
    ):
        make_run(
            run,
            title=title,
            status=status,
            started_at=ago(60),
            created_at=ago(61),
            completed_at=ago(5) if status == "completed" else None,
        )
    capacity()
    kind = ErrorGroup.objects.create(
        signature="7c1e0f4ab2",
        tool="aider",
        category="tests_failed",
        count=14,
        message=VERDICT["summary"],
        pattern="AssertionError: refund created twice",
    )
    history()
    refunds(kind, mara)
    trouble()


def capacity() -> None:
    always = NOW + timedelta(hours=12)  # pictures take a while, and these hosts must not get lost meanwhile
    for name, slots, draining in (("w-01", 4, False), ("w-02", 2, False), ("w-04", 4, True)):
        Node.objects.create(
            name=name,
            host="build-a",
            pid=1,
            pid_started=1,
            slots=slots,
            queues=["default"],
            draining=draining,
            version="0.1.0",
            heartbeat_at=always,
            started_at=ago(6000),
            tools={"aider": {"version": "0.86.1"}, "git": {"version": "2.47.3"}},
        )
    Node.objects.create(
        name="w-06",
        host="ci-small",
        pid=1,
        pid_started=1,
        slots=2,
        queues=["default"],
        heartbeat_at=ago(4),
        started_at=ago(900),
    )
    ToolControl.objects.create(
        name="gemini",
        circuit="open",
        failures=5,
        opened_at=ago(1),
        retry_at=ago(-40),
        last_failure="429 quota exceeded",
    )
    ToolControl.objects.create(name="codex", limit=1)
    QueueControl.objects.create(name="bulk", paused=True, paused_reason="migration tonight")


def history() -> None:
    titles = (
        "Replace hand-rolled LRU in rates.py",
        "ruff check --fix ledger",
        "Merge ws-lint into main",
        "Expose refund counters on /metrics",
        "pytest tests/ledger -q -n 8",
    )
    for number in range(60):
        tool = ("aider", "git", "tests", "shell", "claude")[number % 5]
        status = "failed" if number % 9 == 0 else "completed"
        minutes, took = 1400 - number * 22, 20 + number * 37 % 700
        made = job(
            100 + number,
            status,
            titles[number % 5],
            tool,
            "ws-lint",
            SDK,
            "ci",
            minutes,
            took=took,
            summary="Exit code 1." if status == "failed" else "",
        )
        make_attempt(
            made,
            status,
            started_at=ago(minutes),
            completed_at=made.finished_at,
            node="w-01",
            reason="exit_code" if status == "failed" else "ok",
            exit_code=int(status == "failed"),
        )


def refunds(kind: ErrorGroup, mara: Any) -> None:
    column = job(406, "completed", "Add refund_key column and backfill", "aider", "ws-schema", REFUNDS, "mara", 38)
    review = job(
        412,
        "review",
        "Make POST /refunds idempotent by request key",
        "codex",
        "ws-api",
        REFUNDS,
        "mara",
        22,
        first="aider",
        escalation_level=1,
        started_at=ago(21),
        summary="4 files changed.",
        submitter=mara,
        metadata={"review": True, "tags": {"team": "ledger"}},
    )
    Dependency.objects.create(job=review, needs=column, met=True)
    for minutes, took, status, tool, cause in (
        (21.7, 252, "failed", "aider", "submitted"),
        (17, 303, "failed", "aider", "retried"),
        (11.8, 277, "completed", "codex", "escalated"),
    ):
        bad = (
            {"reason": "tests_failed", "verdict": VERDICT, "error": kind, "exit_code": 1} if status == "failed" else {}
        )
        made = make_attempt(
            review,
            status,
            started_at=ago(minutes),
            completed_at=ago(minutes) + timedelta(seconds=took),
            step_name=tool,
            cause=cause,
            node="w-02",
            command=[tool, "exec", "-"],
            **bad,
        )
        write_log(made, 1300)
    for number, title, ws in ((420, "End-to-end refund flow", "ws-e2e"), (421, "Document idempotency keys", "ws-docs")):
        waiting = job(number, "waiting", title, "tests", ws, REFUNDS, "mara", 21, unmet_dependencies=1)
        Dependency.objects.create(job=waiting, needs=review)
    for number, title, tool, minutes, lines in (
        (418, "Integration suite on ws-refund-service", "tests", 9, 20_000),
        (419, "Split RefundService.apply into pure steps", "claude", 2, 90),
    ):
        running = job(
            number, "running", title, tool, "ws-refund-service", REFUNDS, "mara", minutes, started_at=ago(minutes)
        )
        write_log(make_attempt(running, "running", started_at=ago(minutes), node="w-01"), lines)
    retrying = job(
        417,
        "retrying",
        "Retry client calls with jitter",
        "aider",
        "ws-client",
        REFUNDS,
        "jonas",
        10,
        not_before=ago(-60),
        started_at=ago(9),
        summary="Tests failed; another try after a back-off.",
    )
    make_attempt(retrying, "failed", started_at=ago(9), reason="tests_failed", verdict=VERDICT, error=kind)


def trouble() -> None:
    failed = job(
        413,
        "failed",
        "Rebase ws-webhook-dedupe onto main",
        "git",
        "ws-webhook",
        REFUNDS,
        "engine",
        8,
        took=3,
        summary="Merge conflict in ledger/webhooks/dispatch.py.",
    )
    kind = ErrorGroup.objects.create(
        signature="91aa0f4ab2",
        tool="git",
        category="exit_code",
        count=9,
        message="CONFLICT: merge conflict",
        pattern="CONFLICT: merge conflict in <path>",
    )
    write_log(
        make_attempt(
            failed,
            "failed",
            started_at=ago(8),
            error=kind,
            reason="exit_code",
            exit_code=1,
            verdict={"summary": "Merge conflict", "rule": "git:conflict"},
        ),
        200,
    )
    job(
        407,
        "timeout",
        "Migrate settings module to pydantic 2",
        "aider",
        "ws-pydantic",
        CLEANUP,
        "jonas",
        31,
        took=1200,
        summary="No output for 600 s.",
    )
    job(
        405,
        "cancelled",
        "Draft migration guide for SDK 4",
        "claude",
        "ws-sdk",
        SDK,
        "priya",
        41,
        summary="Cancelled by priya.",
    )
    job(414, "queued", "Summarise incident 2231 traces", "gemini", "ws-incident", CLEANUP, "tomasz", 13)
    job(415, "queued", "Write ADR-031 on the event outbox", "codex", "ws-outbox", CLEANUP, "priya", 12)
    job(416, "queued", "Cancel me if you can", "shell", "ws-outbox", CLEANUP, "mara", 11)
    job(
        422,
        "quarantined",
        "Deploy to staging",
        "shell",
        "ws-release",
        CLEANUP,
        "ci",
        12,
        summary="The outcome is unknown: its worker died after the push began.",
    )


def end(job_id: str) -> None:
    found = Job.objects.get(job_id=job_id)
    at = timezone.now()
    found.attempts.filter(completed_at=None).update(status="completed", completed_at=at, reason="ok", exit_code=0)
    Job.objects.filter(pk=found.pk).update(status="completed", finished_at=at, version=found.version + 1)


if __name__ == "__main__":
    end(sys.argv[2]) if sys.argv[1:2] == ["end"] else fill()
