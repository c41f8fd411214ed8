"""Many at once: limits hold, nothing is claimed twice, and nobody meets a locked database."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from adapters.verdict import Reason, Verdict
from jobs import db
from jobs.errors import Refused
from jobs.models import Job, Run, StepAttempt, ToolControl
from jobs.services.core import events
from jobs.services.core.transitions import move
from jobs.services.execution.claim import Claimant, claim_next, extend_lease
from jobs.services.operations import job_actions
from jobs.services.outcome.settle import settle
from jobs.services.submission.submit import submit, submit_all
from jobs.states import JobStatus
from tests.factories import make_document, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """Run `work(0..count-1)` in threads that start at the same moment; each has its own connection."""
    start = threading.Barrier(count)

    def one(number: int) -> object:
        start.wait()
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def claimant(number: int) -> Claimant:
    return Claimant(f"node-{number}", f"node-{number}", ("default",), 100, 1, 1)


def test_eight_claimers_at_once_break_no_limit_and_take_nothing_twice() -> None:
    ToolControl.objects.create(name="limited", limit=3)
    for number in range(60):
        make_job(tool="limited" if number % 2 else "free", repo_key=f"repo-{number % 7}" if number % 3 else "")
    worst: Counter[str] = Counter()
    lock = threading.Lock()

    def work(number: int) -> int:
        taken = 0
        idle = 0
        while idle < 3:
            attempt = claim_next(claimant(number))
            if attempt is None:
                idle += 1
                time.sleep(0.01)
                continue
            idle, taken = 0, taken + 1
            running = list(Job.objects.filter(status=JobStatus.RUNNING).values_list("tool", "repo_key"))
            with lock:
                worst["limited"] = max(worst["limited"], sum(tool == "limited" for tool, _ in running))
                repos = Counter(repo for _, repo in running if repo)
                worst["repo"] = max([worst["repo"], *repos.values()])
            settle(attempt, Verdict(Reason.OK, "done", "test"))
        return taken

    taken = together(8, work)
    assert sum(int(str(count)) for count in taken) == 60
    assert worst["limited"] <= 3 and worst["repo"] <= 1
    assert Job.objects.filter(status=JobStatus.COMPLETED).count() == 60
    assert StepAttempt.objects.count() == 60


def test_of_many_who_submit_one_id_one_succeeds_and_the_rest_hear_why() -> None:
    body = make_document(job_id="the-one")

    def work(number: int) -> str:
        try:
            return submit({**body, "run_id": f"run-{number % 2}"}).job_id
        except Refused as refusal:
            return refusal.code

    answers = Counter(together(6, work))
    assert answers == {"the-one": 1, "duplicate_job": 5}
    assert Job.objects.count() == 1


def test_of_two_jobs_that_end_at_once_one_is_the_last() -> None:
    """Each sees the other still running until it commits: then nobody would end the run, or release what waits for both."""
    pair = submit_all([make_document(), make_document()])
    needs = {"depends_on": [{"workstream": "ws-1"}]}
    late = submit({**make_document(metadata=needs), "run_id": "run-2", "workstream_id": "ws-2"})
    for job in pair:
        move(job, JobStatus.RUNNING, fence=1, started_at=timezone.now())

    def end(number: int) -> None:
        with db.atomic():
            move(pair[number], JobStatus.COMPLETED)
            time.sleep(0.3)

    together(2, end)
    late.refresh_from_db()
    assert late.status == "queued"
    assert Run.objects.get(run_id="run-1").status == "completed"


def test_a_cancel_and_a_claim_at_once_leave_one_winner_and_true_rows() -> None:
    for _ in range(10):
        job = make_job()

        def work(number: int, job: Job = job) -> object:
            return claim_next(claimant(0)) if number else job_actions.cancel(Job.objects.get(pk=job.pk), by="mara")

        together(2, work)
        job.refresh_from_db()
        alive = job.attempts.filter(status="running").count()
        assert (job.status, alive) in {("cancelled", 0), ("cancelling", 1)}
        if alive:
            settle(job.attempts.get(), Verdict(Reason.CANCELLED, "stopped", "test"))


@pytest.mark.sqlite
@pytest.mark.slow
def test_twelve_writers_and_readers_meet_no_locked_database() -> None:
    jobs = [make_job() for _ in range(12)]
    attempts = [claim_next(claimant(0)) for _ in jobs]
    until = time.monotonic() + 3

    def work(number: int) -> int:
        attempt, writes = attempts[number], 0
        assert attempt is not None
        while time.monotonic() < until:
            assert extend_lease(attempt)
            events.record("note", job=attempt.job)
            list(Job.objects.for_list()[:50])
            writes += 2
            time.sleep(0.02)
        return writes

    assert sum(int(str(count)) for count in together(12, work)) > 100
