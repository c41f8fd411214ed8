"""Foreground runs: a job is submitted to a private queue, and this process is its worker until it has ended."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from adapters.process.sweep import own_identity
from jobs import db
from jobs.errors import Refused
from jobs.models import Job
from jobs.services.core.private_queue import private_queue
from jobs.services.core.transitions import move
from jobs.services.execution.claim import Claimant
from jobs.services.execution.runner import Runner
from jobs.services.execution.waiting import Timer
from jobs.services.maintenance.monitor import NodeMonitor
from jobs.services.operations import job_actions
from jobs.services.reading.viewer import UNRESTRICTED
from jobs.services.reading.wait_reasons import for_jobs
from jobs.services.submission.submit import ENGINE, Submitter, submit
from jobs.states import JobStatus, WaitType

MAX_WAIT_S = 0.2
RESCUE_INTERVAL_S = 1.0


def run_here(
    document: Any,
    *,
    by: Submitter = ENGINE,
    base: Path | None = None,
    source: str | None = None,
    on_output: Callable[[bytes], None] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Job:
    """Submit and run; returns the job when it has ended or asks for a person. Ctrl-C cancels the job."""
    queue = private_queue()
    job = submit(document, by=by, base=base, source=source, queue=queue)
    claimant = Claimant.this_process(queues=[queue], node=f"{settings.ENGINE_NODE}/{own_identity()[0]}", slots=1)
    with Runner(claimant, on_output) as runner, _cancel_on_interrupt(job, by.name):
        _work(job, runner, on_wait)
    return job


def _work(job: Job, runner: Runner, on_wait: Callable[[str], None] | None) -> None:
    reported, rescue, monitor = "", Timer(RESCUE_INTERVAL_S), NodeMonitor()
    while True:
        runner.turn(MAX_WAIT_S)
        if runner.active:
            continue
        job.refresh_from_db()
        if job.is_settled:
            return
        if job.status == JobStatus.RETRYING and job.not_before and job.not_before <= db.now():
            _promote(job)
            continue
        if rescue.due():
            # Where no cluster runs, no other process ends what a killed run left in the way of this one.
            monitor.look_after_attempts()
        waiting = for_jobs([job], titles_for=UNRESTRICTED).get(job.pk)
        if waiting and waiting.type != WaitType.TURN and on_wait and waiting.sentence != reported:
            reported = waiting.sentence
            on_wait(reported)


def _promote(job: Job) -> None:
    try:
        move(job, JobStatus.QUEUED)
    except Refused:
        pass  # another process was faster


@contextmanager
def _cancel_on_interrupt(job: Job, by: str) -> Iterator[None]:
    """Ctrl-C asks for a cancel; the worker's loop sees it and ends the tree, as it would for anybody else."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    alias = db.alias()

    def ask() -> None:
        try:
            with db.using(alias):
                job_actions.cancel(job, by=by)
        except Refused:
            pass  # it has just ended
        finally:
            connections.close_all()

    before = {
        number: signal.signal(number, lambda *_: threading.Thread(target=ask).start())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
