"""The summary of a job: what was asked, and what there is to see of its end."""

import pytest
from django.test import Client

from jobs.models import Job, StepAttempt
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_document, make_job
from tests.pages.markup import squeezed

ENDED = [JobStatus.FAILED, JobStatus.QUARANTINED]


def summary(admin: Client, job: Job) -> str:
    return squeezed(admin.get(f"/jobs/{job.job_id}"))


def asked(*lines: str) -> Job:
    command = {"exe": "aider", "args": ["--message", "\n".join(lines)]}
    return make_job(JobStatus.FAILED, spec=make_document(tool="aider", command=command), title="Short title")


def attempt_with_log(job: Job, **fields: object) -> StepAttempt:
    attempt = make_attempt(job, AttemptStatus.FAILED, **fields)
    attempt.directory.mkdir(parents=True, exist_ok=True)
    (attempt.directory / "output.log").write_text("".join(f"line {number}\n" for number in range(1, 31)))
    return attempt


def test_a_job_shows_its_prompt(admin: Client) -> None:
    assert 'aria-label="Prompt">Fix the &lt;clock&gt;</pre>' in summary(admin, asked("Fix the <clock>"))


def test_a_long_prompt_is_folded_after_six_lines_and_complete(admin: Client) -> None:
    page = summary(admin, asked(*(f"point {number}" for number in range(1, 10))))
    assert "point 5 point 6</pre>" in page
    assert "All 9 lines" in page
    assert "point 7 point 8 point 9</pre>" in page


def test_a_job_of_a_command_has_no_prompt(admin: Client) -> None:
    assert 'id="prompt"' not in summary(admin, make_job(JobStatus.FAILED))


@pytest.mark.parametrize("status", ENDED)
def test_a_bad_end_without_evidence_shows_the_last_lines_of_the_log(admin: Client, status: JobStatus) -> None:
    job = make_job(status)
    attempt_with_log(job, verdict={"summary": "Exit code 1"})
    page = summary(admin, job)
    assert "line 30" in page
    assert "line 19" in page
    assert "line 18<" not in page


@pytest.mark.parametrize("status", ENDED)
def test_a_bad_end_with_evidence_shows_that_instead(admin: Client, status: JobStatus) -> None:
    job = make_job(status)
    attempt_with_log(job, verdict={"summary": "Exit code 1", "evidence": ["E  assert 1 == 2"]})
    page = summary(admin, job)
    assert "assert 1 == 2" in page
    assert "line 30" not in page
