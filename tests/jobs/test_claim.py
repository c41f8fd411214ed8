"""Claiming: the best job that its limits allow, once, whoever else claims at the same time."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import Settings

from adapters.verdict import Reason, Verdict
from jobs.errors import LostLease
from jobs.models import Job, Node, QueueControl, StepAttempt, ToolControl
from jobs.services.execution.claim import Claimant, claim_next, extend_lease
from jobs.services.outcome.settle import settle
from jobs.services.submission.claim_order import claim_order
from jobs.states import CircuitState, JobStatus, Priority
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db


def claimant(slots: int = 100, queues: tuple[str, ...] = ("default",), node: str = "test-node") -> Claimant:
    return Claimant(node=node, host="test-node", queues=queues, slots=slots, pid=1, pid_started=1)


def claimed(slots: int = 100) -> list[str]:
    names = []
    while attempt := claim_next(claimant(slots)):
        names.append(attempt.job.job_id)
    return names


def test_a_claim_opens_an_attempt_with_a_new_fence() -> None:
    job = make_job()
    attempt = claim_next(claimant())
    assert attempt is not None
    job.refresh_from_db()
    assert (job.status, job.fence, job.attempts_made) == ("running", 1, 1)
    assert (attempt.number, attempt.fence, attempt.result_json) == (1, 1, {"job_id": job.job_id})
    assert len(attempt.marker) >= 16
    assert claim_next(claimant()) is None


def test_the_oldest_of_the_most_urgent_goes_first() -> None:
    at = timezone.now()
    wanted = []
    for seconds, priority in ((0, Priority.LOW), (1, Priority.NORMAL), (2, Priority.NORMAL), (3, Priority.CRITICAL)):
        when = at + timedelta(seconds=seconds)
        wanted.append(make_job(priority=priority, claim_order=claim_order(priority, when), at=when).job_id)
    assert claimed() == [wanted[3], wanted[1], wanted[2], wanted[0]]


def test_a_low_job_that_waited_long_enough_overtakes_a_critical_one(settings: Settings) -> None:
    at = timezone.now()
    earlier = at - timedelta(seconds=3 * settings.ENGINE_AGEING_S + 1)
    critical = make_job(priority=Priority.CRITICAL, claim_order=claim_order(Priority.CRITICAL, at))
    low = make_job(priority=Priority.LOW, claim_order=claim_order(Priority.LOW, earlier))
    assert claimed() == [low.job_id, critical.job_id]


class Order(TestCase):
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 5000),
                st.sampled_from(list(Priority)),
                st.sampled_from(["a", "b"]),
                st.sampled_from(["", "repo1", "repo2"]),
            ),
            min_size=1,
            max_size=12,
        )
    )
    def test_no_claim_passes_over_a_better_claimable_job(self, rows: list[tuple[int, Priority, str, str]]) -> None:
        at = timezone.now()
        ToolControl.objects.create(name="a", limit=2)
        for seconds, priority, tool, repo in rows:
            when = at + timedelta(seconds=seconds)
            make_job(priority=priority, claim_order=claim_order(priority, when), tool=tool, repo_key=repo)
        while attempt := claim_next(claimant()):
            taken = attempt.job
            running = Job.objects.filter(status=JobStatus.RUNNING)
            assert running.filter(tool="a").count() <= 2
            for repo in ("repo1", "repo2"):
                assert running.filter(repo_key=repo).count() <= 1
            for better in Job.objects.filter(status=JobStatus.QUEUED, claim_order__lt=taken.claim_order):
                others = running.exclude(pk=taken.pk)
                full = better.tool == "a" and others.filter(tool="a").count() >= 2
                held = better.repo_key != "" and others.filter(repo_key=better.repo_key).exists()
                assert full or held, "a better job was passed over"


def test_one_writer_holds_a_working_tree_and_readers_pass() -> None:
    make_job(repo_key="/srv/app")
    make_job(repo_key="/srv/app")
    reader = make_job(repo_key="/srv/app", exclusive=False)
    assert len(claimed()) == 2
    reader.refresh_from_db()
    assert reader.status == "running"


def test_a_concurrency_key_lets_as_many_in_as_it_says() -> None:
    for _ in range(4):
        make_job(concurrency_key="gpu", concurrency_limit=2)
    assert len(claimed()) == 2


@pytest.mark.parametrize(
    "control",
    [
        ToolControl(name="shell", paused=True),
        ToolControl(name="shell", limit=0),
        ToolControl(name="shell", circuit=CircuitState.OPEN),
        QueueControl(name="default", paused=True),
        QueueControl(name="default", limit=0),
    ],
    ids=["tool paused", "tool limit", "circuit open", "queue paused", "queue limit"],
)
def test_what_an_operator_closed_takes_no_jobs(control: ToolControl | QueueControl) -> None:
    control.save()
    make_job()
    assert claimed() == []


def test_a_raised_limit_holds_at_once() -> None:
    control = ToolControl.objects.create(name="shell", limit=1)
    make_job(), make_job()
    assert len(claimed()) == 1
    ToolControl.objects.filter(pk=control.pk).update(limit=2)
    assert len(claimed()) == 1


def test_an_open_circuit_lets_one_trial_through_when_its_time_has_come() -> None:
    ToolControl.objects.create(name="shell", circuit=CircuitState.OPEN, retry_at=timezone.now())
    make_job(), make_job()
    assert len(claimed()) == 1
    assert ToolControl.objects.get().circuit == CircuitState.HALF_OPEN


def test_a_node_takes_no_more_than_its_slots() -> None:
    for _ in range(3):
        make_job()
    assert len(claimed(slots=2)) == 2


def test_a_draining_node_takes_nothing() -> None:
    Node.objects.create(name="test-node", host="test-node", pid=1, pid_started=1, draining=True)
    make_job()
    assert claimed() == []


def test_only_subscribed_queues_are_served() -> None:
    make_job(queue="gpu")
    assert claim_next(claimant()) is None
    assert claim_next(claimant(queues=("gpu", "default"))) is not None


def test_an_old_fence_extends_no_lease_and_settles_nothing() -> None:
    make_job()
    old = claim_next(claimant())
    assert old is not None and extend_lease(old)
    settle(old, Verdict(Reason.LOST, "its worker died", "test"))
    new = claim_next(claimant())
    assert new is not None and new.fence == old.fence + 1
    assert not extend_lease(old)
    with pytest.raises(LostLease):
        settle(old, Verdict(Reason.OK, "done", "test"))
    new.refresh_from_db()
    assert new.status == "running"
    assert StepAttempt.objects.get(pk=old.pk).status == "lost"


def test_history_does_not_slow_the_claim(django_assert_max_num_queries: object) -> None:
    for _ in range(3):
        make_attempt(make_job(status=JobStatus.COMPLETED))
    make_job()
    with django_assert_max_num_queries(22):  # type: ignore[operator]
        assert claim_next(claimant())
