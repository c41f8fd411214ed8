"""What many jobs amount to: every combination of states has one status, one lane and true words."""

from collections import Counter
from itertools import chain, combinations

import pytest

from jobs.models import Workstream
from jobs.services.core.roll_up import NOT_BEGUN, Lane, in_words, lane_of, status_of
from jobs.services.core.transitions import move
from jobs.services.submission.submit import submit_all
from jobs.states import (
    ACTIVE_RUNS,
    ALIVE,
    FAILURES,
    FINAL,
    NEEDS_ATTENTION,
    NOT_COMPLETED,
    SETTLED,
    UNSUCCESSFUL,
    JobStatus,
    RunStatus,
)
from tests.factories import make_document, make_job, make_workstream

_S = JobStatus
COMBINATIONS = [
    set(some) for some in chain.from_iterable(combinations(JobStatus, n) for n in range(len(JobStatus) + 1))
]


def counts(states: set[JobStatus]) -> dict[str, int]:
    return {state.value: 2 for state in states} | {state.value: 0 for state in set(JobStatus) - states}


def test_the_named_sets_fit_together() -> None:
    assert set(SETTLED) == {*FINAL, *NEEDS_ATTENTION}
    assert set(FAILURES) < set(UNSUCCESSFUL) < set(NOT_COMPLETED) < set(FINAL)
    assert set(NOT_COMPLETED) == set(FINAL) - {_S.COMPLETED}
    assert not set(ALIVE) & set(SETTLED)


def test_a_status_is_active_exactly_while_a_job_is_unfinished() -> None:
    for states in COMBINATIONS:
        active = status_of(counts(states)) in ACTIVE_RUNS
        assert active == (not states or bool(states - set(FINAL))), states


def test_only_what_has_not_begun_is_pending() -> None:
    begun = set(JobStatus) - {_S.WAITING, _S.QUEUED, _S.CANCELLED, _S.BLOCKED}
    for states in COMBINATIONS:
        if states & begun:
            assert status_of(counts(states)) != RunStatus.PENDING, states


def test_a_job_that_is_under_way_or_asks_for_a_person_makes_its_run_run() -> None:
    for states in COMBINATIONS:
        if states & {*ALIVE, _S.RETRYING, *NEEDS_ATTENTION}:
            assert status_of(counts(states)) == RunStatus.RUNNING, states


def test_an_unfinished_job_beside_one_that_has_begun_makes_its_run_run() -> None:
    for states in COMBINATIONS:
        if states - set(FINAL) and states - set(NOT_BEGUN):
            assert status_of(counts(states)) == RunStatus.RUNNING, states


def test_what_has_ended_with_a_failure_has_failed_and_never_completed() -> None:
    for states in COMBINATIONS:
        if states and states <= set(FINAL):
            status = status_of(counts(states))
            assert (status == RunStatus.COMPLETED) == (
                _S.COMPLETED in states and states <= {_S.COMPLETED, _S.CANCELLED}
            )
            if states & set(FAILURES):
                assert status == RunStatus.FAILED, states


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({_S.BLOCKED}, RunStatus.FAILED),
        ({_S.BLOCKED, _S.CANCELLED}, RunStatus.CANCELLED),
        ({_S.CANCELLED}, RunStatus.CANCELLED),
        ({_S.QUEUED, _S.CANCELLED}, RunStatus.PENDING),
        ({_S.QUEUED, _S.COMPLETED}, RunStatus.RUNNING),
    ],
)
def test_blocked_and_cancelled_jobs_decide_only_where_nothing_else_does(
    states: set[JobStatus], status: RunStatus
) -> None:
    assert status_of(counts(states)) == status


def test_a_lane_says_first_what_is_under_way_then_who_is_asked_then_what_failed() -> None:
    before: set[JobStatus] = set()
    for lane, own in (
        (Lane.RUNNING, {_S.RUNNING, _S.CANCELLING}),
        (Lane.RETRYING, {_S.RETRYING}),
        (Lane.REVIEW, {_S.REVIEW, _S.QUARANTINED}),
        (Lane.FAILED, {_S.FAILED, _S.TIMEOUT, _S.REJECTED}),
        (Lane.WAITING, {_S.WAITING, _S.QUEUED}),
        (Lane.BLOCKED, {_S.BLOCKED}),
        (Lane.COMPLETED, {_S.COMPLETED}),
        (Lane.CANCELLED, {_S.CANCELLED}),
    ):
        for states in COMBINATIONS:
            if states & own and not states & before:
                assert lane_of(counts(states)) == lane, states
        before |= own
    assert before == set(JobStatus)
    assert lane_of({}) == Lane.WAITING


def test_words_count_a_failure_and_what_it_blocks_apart() -> None:
    lanes = Counter({Lane.COMPLETED: 14, Lane.FAILED: 1, Lane.BLOCKED: 25})
    assert in_words(lanes) == "14 done, 1 failed, 25 blocked"
    assert in_words(lanes, blocked_by_it=True) == "14 done, 1 failed, 25 blocked by it"
    lanes[Lane.FAILED] = 2
    assert in_words(lanes, blocked_by_it=True) == "14 done, 2 failed, 25 blocked"
    assert in_words(Counter()) == ""


# --- What is stored ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_cancel_of_one_queued_job_starts_no_run() -> None:
    make_job()
    other = make_job()
    move(other, _S.CANCELLED)
    other.run.refresh_from_db()
    assert (other.run.status, other.run.started_at) == ("pending", None)


@pytest.mark.django_db
def test_a_run_that_has_begun_stays_running_while_its_last_job_is_queued_again() -> None:
    first, second = make_job(), make_job()
    move(first, _S.RUNNING, started_at=first.created_at)
    move(first, _S.QUEUED)
    move(second, _S.CANCELLED)
    first.run.refresh_from_db()
    assert first.run.status == "running"


@pytest.mark.django_db
def test_a_cancelled_run_is_cancelled_although_its_later_jobs_were_blocked() -> None:
    parent, child = submit_all([make_document(job_id="a"), make_document(job_id="b", metadata={"depends_on": ["a"]})])
    move(parent, _S.CANCELLED)
    child.refresh_from_db()
    parent.run.refresh_from_db()
    assert (child.status, parent.run.status) == ("blocked", "cancelled")


@pytest.mark.django_db
def test_a_workstream_that_is_done_is_completed_although_its_run_has_failed() -> None:
    failing, good = make_job(), make_job(workstream=make_workstream("ws-2"))
    move(failing, _S.RUNNING, started_at=failing.created_at)
    move(failing, _S.FAILED)
    move(good, _S.RUNNING, started_at=good.created_at)
    move(good, _S.COMPLETED)
    streams = dict(Workstream.objects.values_list("ws_id", "status"))
    good.run.refresh_from_db()
    assert (good.run.status, streams) == ("failed", {"ws-1": "failed", "ws-2": "completed"})
