"""Runs in the foreground, and logs that are not easily copied."""

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from jobs.models import Job, LogChunk, StepAttempt
from jobs.services import foreground
from jobs.services.core.private_queue import private_queue, private_queue_prefix
from jobs.services.execution import endings, log_shipping, runner
from jobs.services.execution.execute import execute
from jobs.services.operations import job_actions
from jobs.services.submission.submit import submit
from tests.factories import make_job
from tests.jobs.test_execute import claim, document

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = (2**22 + 1, 1)  # beyond every pid


@pytest.fixture(autouse=True)
def _data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AWAY_S", 0.05)


def test_a_foreground_run_is_not_kept_out_by_one_that_was_killed(tmp_path: Path) -> None:
    job = submit(document(tmp_path, []))
    left = claim()
    StepAttempt.objects.filter(pk=left.pk).update(worker_pid=NOBODY[0], worker_started=NOBODY[1])
    Job.objects.filter(pk=job.pk).update(queue="here:x:1:1")
    done = foreground.run_here(document(tmp_path, ["-c", "print(1)"]))
    assert done.status == "completed"


def test_a_retry_of_a_foreground_job_goes_to_a_queue_that_is_served() -> None:
    for status, verb in (("failed", job_actions.retry), ("quarantined", job_actions.release)):
        job = make_job(status, queue=f"{private_queue_prefix()}{NOBODY[0]}:{NOBODY[1]}")
        verb(job, by="mara")
        job.refresh_from_db()
        assert (job.status, job.queue) == ("queued", "default"), "nobody waits for it any more"
    job = make_job("review", queue=f"{private_queue_prefix()}{NOBODY[0]}:{NOBODY[1]}", tool="aider")
    job_actions.review(job, by="mara", verdict="request_changes", message="x")
    job.refresh_from_db()
    assert job.queue == "default"
    job = make_job("retrying", queue=private_queue(), not_before=timezone.now())
    job_actions.retry(job, by="mara")
    job.refresh_from_db()
    assert job.queue == private_queue(), "its process is still there"


def test_a_log_that_cannot_be_copied_costs_the_job_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(log_shipping.LogCopy, "read", broken)
    submit(document(tmp_path, ["-c", "print('hi')"]))
    execute(claim())
    assert Job.objects.get().status == "completed"


def test_the_copy_of_a_log_is_whole_although_the_database_was_away_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = endings.settle_batch, list[int]()

    def away(endings: Any) -> Any:
        calls.append(1)
        if len(calls) < 4:
            raise OperationalError("away")
        return real(endings)

    monkeypatch.setattr(endings, "settle_batch", away)
    submit(document(tmp_path, ["-c", "print('hi')"]))
    execute(claim())
    assert Job.objects.get().status == "completed"
    assert b"".join(bytes(c.data) for c in LogChunk.objects.all()) == b"hi\n"


def test_a_listener_that_has_gone_costs_the_job_nothing(tmp_path: Path) -> None:
    """As in `engine run-job ... | head -1`."""

    def gone(piece: bytes) -> None:
        raise BrokenPipeError

    submit(document(tmp_path, ["-c", "print('hi')"]))
    execute(claim(), gone)
    assert Job.objects.get().status == "completed"
