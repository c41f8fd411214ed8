"""Statements that are written by hand read the same as Django's own."""

import pytest
from django.db.models import Model

from jobs.models import Dependency, ErrorGroup, Job, StepAttempt, Workstream
from jobs.services.core.statement import Statement, partial
from jobs.services.reading import one_job
from tests.factories import make_attempt, make_job, make_workstream

pytestmark = pytest.mark.django_db


def values(row: Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.parametrize("model", [Job, StepAttempt])
def test_a_row_has_the_values_that_django_gives_it(model: type[Model]) -> None:
    attempt = make_attempt(make_job(status="completed", handoff={"cause": "é"}), usage={"cost": 1.5})
    pk = attempt.job_id if model is Job else attempt.pk
    statement = Statement(model, "r", f"SELECT {{columns}}, 7 FROM {model._meta.db_table} r WHERE r.id = %s")
    [(row, beside)] = statement.rows(pk)
    assert (values(row), beside) == (values(model._default_manager.get(pk=pk)), (7,))


def test_some_columns_of_a_row_are_read_when_asked_for(django_assert_num_queries) -> None:
    stream = make_workstream()
    row = partial(Workstream, ws_id=stream.ws_id, id=stream.pk)
    with django_assert_num_queries(0):
        assert (row.pk, row.ws_id) == (stream.pk, stream.ws_id)
    assert row.run_id == stream.run_id


def test_a_job_comes_with_its_workstream_attempts_errors_and_dependencies(django_assert_num_queries) -> None:
    needed, job = make_job(), make_job()
    error = ErrorGroup.objects.create(signature="e" * 32, tool="shell", category="x", message="boom", pattern="boom")
    make_attempt(job, status="failed", error=error)
    make_attempt(job)
    Dependency.objects.create(job=job, needs=needed)
    Dependency.objects.create(job=job, needs_workstream=job.workstream)
    with django_assert_num_queries(3):
        found = one_job.find(job.job_id)
        assert found is not None
        attempts = one_job.attempts(found)
        assert one_job.depends_on(found) == [needed.job_id, f"workstream {job.workstream}"]
        assert [attempt.number for attempt in attempts] == [1, 2]
        assert [attempt.error and attempt.error.signature for attempt in attempts] == ["e" * 32, None]
        assert found.workstream.ws_id == job.workstream.ws_id
    assert one_job.find("nonesuch") is None
