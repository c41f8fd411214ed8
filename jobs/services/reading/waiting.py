"""Waiting until a job is settled."""

import time

from jobs.models import Job

POLL_S = 0.25


def wait_for(job: Job, timeout_s: float | None = None) -> Job:
    """The job, once it has ended or asks for a person, or when the time is over. None: as long as it takes."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while not job.is_settled:
        left = POLL_S if until is None else min(POLL_S, until - time.monotonic())
        if left <= 0:
            break
        time.sleep(left)
        job.refresh_from_db()
    return job
