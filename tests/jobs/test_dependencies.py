"""Dependencies: children go when their parents have completed, in the parents' own transaction."""

from pathlib import Path
from typing import Any

import pytest

from jobs.errors import DependencyCycle, DuplicateJob, InvalidDocument, LockedWorkstream, WrongState
from jobs.models import Event, Job
from jobs.services.core.transitions import move
from jobs.services.operations import controls, job_actions
from jobs.services.submission.submit import submit, submit_all
from jobs.states import JobStatus
from tests.factories import make_document, make_workstream

pytestmark = pytest.mark.django_db


def document(name: str, *needs: Any, **metadata: Any) -> dict[str, Any]:
    return make_document(job_id=name, metadata={"depends_on": list(needs), **metadata})


def end(job: Job, status: JobStatus = JobStatus.COMPLETED) -> None:
    job.refresh_from_db()
    move(job, JobStatus.RUNNING, fence=job.fence + 1)
    move(job, status)


def status(job: Job) -> str:
    job.refresh_from_db()
    return job.status


def test_a_child_waits_until_every_parent_has_completed() -> None:
    a, b, child = submit_all([document("a"), document("b"), document("c", "a", "b")])
    assert (status(a), status(child), child.unmet_dependencies) == ("queued", "waiting", 2)
    end(a)
    assert status(child) == "waiting"
    end(b)
    assert status(child) == "queued"


def test_a_failed_parent_blocks_its_children_down_the_line() -> None:
    a, b, c = submit_all([document("a"), document("b", "a"), document("c", "b")])
    end(a, JobStatus.FAILED)
    assert (status(b), status(c)) == ("blocked", "blocked")
    assert b.summary == c.summary == "Blocked: a ended as failed.", "both name the job that failed"


def test_hold_keeps_the_child_until_a_person_lets_it_go() -> None:
    a, b = submit_all([document("a"), document("b", "a", on_dependency_failure="hold")])
    end(a, JobStatus.FAILED)
    assert status(b) == "waiting" and b.on_hold
    job_actions.release(b, by="mara")
    assert status(b) == "queued"


def test_a_retry_of_the_parent_rearms_blocked_children() -> None:
    a, b, c = submit_all([document("a"), document("b", "a"), document("c", "b")])
    end(a, JobStatus.FAILED)
    job_actions.retry(Job.objects.get(pk=a.pk), by="mara")
    assert (status(a), status(b), status(c)) == ("queued", "waiting", "waiting")
    end(a)
    assert status(b) == "queued"


def test_a_job_may_wait_for_a_whole_workstream() -> None:
    a, b = submit_all([document("a"), document("b")])
    late = submit({**document("late", {"workstream": "ws-1"}), "workstream_id": "ws-2"})
    end(a)
    assert status(late) == "waiting"
    end(b)
    assert status(late) == "queued"


def test_a_parent_that_has_completed_already_is_met_at_once() -> None:
    a = submit(document("a"))
    end(a)
    assert submit(document("b", "a")).status == "queued"


def test_a_parent_that_has_failed_already_blocks_at_once() -> None:
    a = submit(document("a"))
    end(a, JobStatus.FAILED)
    assert submit(document("b", "a")).status == "blocked"


def test_a_ring_is_refused_by_name_and_leaves_nothing() -> None:
    with pytest.raises(
        DependencyCycle, match=r"a needs b needs c needs a|b needs c needs a needs b|c needs a needs b needs c"
    ):
        submit_all([document("a", "b"), document("b", "c"), document("c", "a")])
    assert not Job.objects.exists()
    assert not Event.objects.exists()


def test_a_job_that_needs_itself_is_refused() -> None:
    with pytest.raises(DependencyCycle, match="a needs a"):
        submit(document("a", "a"))


def test_an_unknown_parent_is_named() -> None:
    with pytest.raises(InvalidDocument, match=r"metadata\.depends_on\.0 names job ghost, which does not exist"):
        submit(document("a", "ghost"))
    assert not Job.objects.exists()


def test_a_second_job_of_the_same_id_changes_nothing() -> None:
    submit(document("a"))
    before = list(Event.objects.values_list("pk", flat=True))
    with pytest.raises(DuplicateJob, match="choose another job_id"):
        submit({**document("a"), "run_id": "run-2"})
    assert Job.objects.get().run_id == "run-1"
    assert list(Event.objects.values_list("pk", flat=True).order_by("-id")) == before


def test_a_locked_workstream_takes_no_new_jobs_in_any_run() -> None:
    controls.lock_workstream(make_workstream(), by="mara", reason="release freeze")
    with pytest.raises(LockedWorkstream, match="ws-1 is locked and takes no new jobs: release freeze"):
        submit({**document("a"), "run_id": "run-2"})
    assert not Job.objects.exists()


def test_all_documents_are_submitted_or_none() -> None:
    with pytest.raises(InvalidDocument):
        submit_all([document("a"), {**document("b"), "tool": "vim"}])
    assert not Job.objects.exists()


def test_a_failed_parent_blocks_a_child_that_hangs_on_it_twice_over() -> None:
    a, b, c = submit_all([document("a"), document("b", "a"), document("c", "a", "b")])
    end(a, JobStatus.FAILED)
    assert (status(b), status(c)) == ("blocked", "blocked")
    job_actions.retry(Job.objects.get(pk=a.pk), by="mara")
    assert (status(a), status(b), status(c)) == ("queued", "waiting", "waiting")
    assert c.unmet_dependencies == 2


def test_a_parent_that_is_named_twice_counts_once() -> None:
    a, b = submit_all([document("a"), document("b", "a", "a")])
    assert b.unmet_dependencies == 1
    end(a, JobStatus.FAILED)
    job_actions.retry(Job.objects.get(pk=a.pk), by="mara")
    assert status(b) == "waiting"


def late(**metadata: Any) -> dict[str, Any]:
    return {**document("late", {"workstream": "ws-1"}, **metadata), "workstream_id": "ws-2"}


def test_a_workstream_with_a_failed_job_blocks_at_once() -> None:
    end(submit(document("a")), JobStatus.FAILED)
    job = submit(late())
    assert job.status == "blocked"
    assert job.summary == "Blocked: a ended as failed."


def test_a_child_held_by_a_failed_workstream_can_be_released() -> None:
    a = submit(document("a"))
    job = submit(late(on_dependency_failure="hold"))
    end(a, JobStatus.FAILED)
    assert status(job) == "waiting" and job.on_hold
    job_actions.release(job, by="mara")
    assert status(job) == "queued"


def test_a_retry_in_a_failed_workstream_rearms_what_waits_for_it() -> None:
    a, b = submit_all([document("a"), document("b")])
    job = submit(late())
    end(a, JobStatus.FAILED)
    end(b, JobStatus.FAILED)
    assert status(job) == "blocked"
    job_actions.retry(Job.objects.get(pk=a.pk), by="mara")
    assert status(job) == "blocked", "b stands in its way"
    job_actions.retry(Job.objects.get(pk=b.pk), by="mara")
    assert status(job) == "waiting"
    end(a)
    end(b)
    assert status(job) == "queued"


def test_a_long_history_behind_a_parent_is_not_walked(django_assert_max_num_queries: Any) -> None:
    previous = submit(document("j0"))
    end(previous)
    for n in range(1, 12):
        job = submit(document(f"j{n}", f"j{n - 1}"))
        end(job)
    with django_assert_max_num_queries(30):
        submit(document("last", "j11"))


def test_a_blocked_job_is_not_retried_before_what_it_needs() -> None:
    """It would wait forever for a job that has ended."""
    a, b = submit_all([document("a"), document("b", "a")])
    end(a, JobStatus.FAILED)
    with pytest.raises(WrongState, match="b is blocked: a ended as failed"):
        job_actions.retry(Job.objects.get(pk=b.pk), by="mara")
    assert status(b) == "blocked"


def test_a_line_of_many_jobs_is_blocked_and_rearmed_to_its_end() -> None:
    jobs = submit_all([document("j0"), *(document(f"j{n}", f"j{n - 1}") for n in range(1, 300))])
    end(jobs[0], JobStatus.FAILED)
    assert status(jobs[-1]) == "blocked"
    job_actions.retry(Job.objects.get(pk=jobs[0].pk), by="mara")
    assert status(jobs[-1]) == "waiting"


@pytest.mark.parametrize("word", ["new", "bulk", "check"])
def test_a_word_that_is_an_address_of_its_own_names_no_job(word: str) -> None:
    with pytest.raises(InvalidDocument, match="cannot name a job"):
        submit(document(word))


def test_a_repository_with_too_long_a_path_is_refused_with_a_sentence(data_dir: Path, tmp_path: Path) -> None:
    """It is a column: PostgreSQL would answer with a fault of its own."""
    long = tmp_path / "/".join(["d" * 100] * 6)
    with pytest.raises(InvalidDocument, match=r"paths\.repo_root has \d+ characters"):
        submit(make_document(paths={"repo_root": str(long)}))
