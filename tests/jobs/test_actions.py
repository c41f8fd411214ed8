"""What a person may do to a job, in every state: it happens, or it is refused with the present state and a sentence."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from adapters.verdict import Reason, Verdict
from jobs.errors import InvalidDocument, LockedWorkstream, NotFound, WrongState
from jobs.models import Event, Job, Node, ToolControl
from jobs.services.execution.claim import Claimant, claim_next
from jobs.services.operations import controls, job_actions
from jobs.services.outcome.settle import settle
from jobs.states import FINAL, AttemptStatus, CircuitState, JobStatus
from tests.factories import make_attempt, make_document, make_job, make_workstream

pytestmark = pytest.mark.django_db
ME = Claimant("test-node", "test-node", ("default",), 99, 1, 1)


def ended(status: JobStatus = JobStatus.FAILED, **fields: Any) -> Job:
    spec = make_document(tool="claude", command={"exe": "claude", "args": ["-p", "Fix the greeting"]})
    job = make_job(status=status, spec=spec, **fields)
    make_attempt(job, AttemptStatus.FAILED, reason="exit_code", verdict={"summary": "it broke", "rule": "exit:1"})
    return job


@pytest.mark.parametrize("status", list(JobStatus))
def test_cancel_stops_what_can_be_stopped_and_says_why_it_cannot(status: JobStatus) -> None:
    job = make_job(status=status)
    if status in FINAL:
        with pytest.raises(WrongState, match="only a job that has not ended can be cancelled"):
            job_actions.cancel(job, by="mara")
        assert not Event.objects.exists()
        return
    job_actions.cancel(job, by="mara")
    job.refresh_from_db()
    wanted = JobStatus.CANCELLING if status in (JobStatus.RUNNING, JobStatus.CANCELLING) else JobStatus.CANCELLED
    assert job.status == wanted


def test_cancelling_twice_is_no_error_and_one_event() -> None:
    job = make_job(status=JobStatus.RUNNING)
    job_actions.cancel(job, by="mara")
    job_actions.cancel(job, by="jonas")
    job.refresh_from_db()
    assert job.cancelled_by == "mara"
    assert Event.objects.filter(event_type="job.cancelling").count() == 1


@pytest.mark.parametrize("status", list(JobStatus))
def test_retry_makes_a_new_attempt_of_what_has_ended(status: JobStatus) -> None:
    job = ended(status)
    if status in FINAL or status in (JobStatus.QUARANTINED, JobStatus.RETRYING):
        job_actions.retry(job, by="mara")
        job.refresh_from_db()
        assert (job.status, job.retry_budget_start, job.finished_at) == ("queued", 1, None)
    else:
        with pytest.raises(WrongState):
            job_actions.retry(job, by="mara")


def test_retry_with_an_edited_command_runs_that_command_and_keeps_the_spec() -> None:
    job = ended()
    command = {"exe": "claude", "args": ["-p", "Fix it properly"]}
    job_actions.retry(job, by="mara", command=command)
    job.refresh_from_db()
    assert job.document()["command"] == command
    assert job.spec["command"]["args"] == ["-p", "Fix the greeting"]


def test_escalating_by_hand_hands_the_story_to_the_other_tool() -> None:
    job = ended()
    job_actions.escalate(job, by="mara", tool="codex")
    job.refresh_from_db()
    assert (job.status, job.tool, job.escalation_level, job.handoff["cause"]) == (
        "queued",
        "codex",
        1,
        "escalated by hand",
    )
    command = job.document()["command"]
    assert command["exe"] == "codex"
    said = " ".join([*command["args"], command.get("stdin") or ""])
    assert "Fix the greeting" in said and "it broke" in said
    attempt = claim_next(ME)
    assert attempt is not None and attempt.escalated_from is not None


def test_escalating_to_a_tool_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFound, match="codexx"):
        job_actions.escalate(ended(), by="mara", tool="codexx")


def test_a_locked_workstream_takes_no_retries_either() -> None:
    job = ended()
    controls.lock_workstream(job.workstream, by="mara")
    with pytest.raises(LockedWorkstream):
        job_actions.retry(job, by="mara")


@pytest.mark.parametrize(
    ("verdict", "status"), [("approve", "completed"), ("reject", "rejected"), ("request_changes", "queued")]
)
def test_a_review_ends_in_its_verdict(verdict: str, status: str) -> None:
    job = ended(JobStatus.REVIEW)
    job_actions.review(job, by="mara", verdict=verdict, message="Add a test for it")
    job.refresh_from_db()
    assert job.status == status
    if verdict == "request_changes":
        assert "Add a test for it" in str(job.document()["command"])
    with pytest.raises(WrongState, match="only jobs in review take a verdict"):
        job_actions.review(job, by="mara", verdict=verdict)


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(InvalidDocument, match="use approve, request_changes or reject"):
        job_actions.review(ended(JobStatus.REVIEW), by="mara", verdict="maybe")


def test_hold_and_release_a_queued_job() -> None:
    job = make_job()
    job_actions.hold(job, by="mara")
    assert claim_next(ME) is None
    job_actions.release(job, by="mara")
    assert claim_next(ME) is not None


def test_a_quarantined_job_can_be_closed() -> None:
    job = ended(JobStatus.QUARANTINED)
    job_actions.close(job, by="mara")
    job.refresh_from_db()
    assert job.status == "failed"


# --- The circuit breaker ----------------------------------------------------------------------------------------------
def fail(reason: Reason, **details: Any) -> None:
    make_job()
    attempt = claim_next(ME)
    assert attempt is not None
    settle(attempt, Verdict(reason, "no key", "test", details={"permanent": True, **details}))


def test_the_circuit_opens_after_failures_of_the_tool_and_a_good_trial_closes_it(settings: Settings) -> None:
    settings.ENGINE_CIRCUIT_FAILURES = 3
    for _ in range(2):
        fail(Reason.INFRA, blames="tool")
    fail(Reason.EXIT_CODE)  # the work failed: the tool itself works
    assert ToolControl.objects.get().failures == 0
    for _ in range(3):
        fail(Reason.INFRA, blames="tool")
    control = ToolControl.objects.get()
    assert (control.circuit, control.last_failure) == (CircuitState.OPEN, "no key")
    make_job()
    assert claim_next(ME) is None
    controls.try_tool_now("shell", by="mara")
    trial = claim_next(ME)
    assert trial is not None and claim_next(ME) is None
    settle(trial, Verdict(Reason.OK, "done", "test"))
    assert ToolControl.objects.get().circuit == CircuitState.CLOSED
    assert Event.objects.filter(event_type="tool.circuit_closed").exists()


def test_a_failed_trial_opens_the_circuit_again(settings: Settings) -> None:
    settings.ENGINE_CIRCUIT_FAILURES = 1
    fail(Reason.INFRA, blames="tool")
    controls.try_tool_now("shell", by="mara")
    fail(Reason.AUTH)
    control = ToolControl.objects.get()
    assert control.circuit == CircuitState.OPEN and control.retry_at is not None and control.retry_at > timezone.now()


def test_what_is_the_jobs_own_fault_does_not_count_against_its_tool(settings: Settings) -> None:
    settings.ENGINE_CIRCUIT_FAILURES = 1
    fail(Reason.INFRA, blames="job")
    assert not ToolControl.objects.exclude(circuit=CircuitState.CLOSED).exists()


def test_a_lock_on_a_workstream_holds_for_its_name_and_can_be_lifted() -> None:
    first, second = make_workstream("ws-x", "run-1"), make_workstream("ws-x", "run-2")
    controls.lock_workstream(first, by="mara", reason="freeze")
    second.refresh_from_db()
    assert second.locked and second.locked_reason == "freeze"


def test_long_words_of_an_operator_are_cut() -> None:
    assert len(controls.pause_queue("q", by="mara", reason="x" * 300).paused_reason) == 200
    assert len(controls.pause_tool("t", by="mara", reason="x" * 300).paused_reason) == 200
    assert len(controls.lock_workstream(make_workstream(), by="mara", reason="x\0" * 300).locked_reason) == 200


def test_a_worker_that_crashed_can_be_forgotten() -> None:
    node = Node.objects.create(
        name="n", host="n", pid=1, pid_started=1, heartbeat_at=timezone.now() - timedelta(hours=1)
    )
    controls.forget_node(node, by="mara")
    assert not Node.objects.exists()
    node = Node.objects.create(name="n", host="n", pid=1, pid_started=1)
    with pytest.raises(WrongState):
        controls.forget_node(node, by="mara")


def test_a_cancel_waits_as_long_as_the_job_asks_for(settings: Settings) -> None:
    settings.ENGINE_CANCEL_GRACE_S = 10
    asked = make_job(JobStatus.RUNNING, spec=make_document(metadata={"grace_seconds": 2}))
    assert job_actions.cancel(asked, by="mara").cancel_grace_s == 2
    asked = make_job(JobStatus.RUNNING, spec=make_document(metadata={"grace_seconds": 2}))
    assert job_actions.cancel(asked, by="mara", grace_s=0.5).cancel_grace_s == 0.5
    assert job_actions.cancel(make_job(JobStatus.RUNNING), by="mara").cancel_grace_s == 10


def test_a_cancelled_attempt_keeps_what_its_tool_told() -> None:
    job = make_job(JobStatus.RUNNING)
    attempt = make_attempt(job, AttemptStatus.RUNNING, fence=job.fence, worker_pid=1)
    job_actions.cancel(job, by="mara")
    told = {"session_id": "s1", "doing": "waiting for the network"}
    settle(attempt, Verdict(Reason.CANCELLED, "Cancelled after 3 s", "engine:cancel", usage={"n": 1}, details=told))
    attempt.refresh_from_db()
    assert (attempt.verdict["summary"], attempt.verdict["details"]) == ("Cancelled by mara.", told)
    assert attempt.usage == {"n": 1}
