"""What may be done to a job: the dry run, the buttons and the act itself give one answer, whatever the job is like."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from jobs.access import Actor
from jobs.errors import Refused
from jobs.models import Dependency, Event, Job, Workstream
from jobs.pages.jobs.action_table import possible_actions
from jobs.services.operations import job_actions
from jobs.services.operations.action_rules import ActionRules, Order, changes_nothing, refusal
from jobs.states import ALIVE, ALLOWED_FROM, NEXT, AttemptStatus, JobStatus, ReviewVerdict, Verb
from tests.factories import make_attempt, make_document, make_job, make_user

pytestmark = pytest.mark.django_db
DEPENDENCIES = (None, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.COMPLETED)
ORDERS = {
    Verb.ESCALATE: [Order(tool="codex"), Order(tool="shell"), Order(tool="codexx"), Order()],
    Verb.REVIEW: [*(Order(verdict=verdict) for verdict in ReviewVerdict), Order(verdict="maybe")],
}


def make_case(status: JobStatus, owner: Actor, *, locked: bool, parent: JobStatus | None, held: bool = False) -> Job:
    """A job in `status` that has run before, with a workstream that is locked or not and at most one dependency."""
    spec = make_document(tool="claude", command={"exe": "claude", "args": ["-p", "Fix the greeting"]})
    job = make_job(status=status, spec=spec, on_hold=held, submitter=owner.user)
    Workstream.objects.filter(pk=job.workstream_id).update(locked=locked, locked_reason="freeze")
    if parent is not None:
        needed = make_job(status=parent, spec=make_document(workstream_id="ws-2"))
        Dependency.objects.create(job=job, needs=needed, met=parent == JobStatus.COMPLETED)
    make_attempt(job, AttemptStatus.RUNNING if status in ALIVE else AttemptStatus.FAILED, worker_pid=7)
    return job


def cases(status: JobStatus, owner: Actor) -> Iterator[Job]:
    """One job at a time: each lock with each dependency, and a waiting one also held."""
    holds = (False, True) if status == JobStatus.WAITING else (False,)
    for locked, parent, held in product((False, True), DEPENDENCIES, holds):
        with transaction.atomic():
            yield make_case(status, owner, locked=locked, parent=parent, held=held)
            transaction.set_rollback(True)


def outcome(verb: Verb, job: Job, actor: Actor, order: Order) -> tuple[tuple[str, str] | None, bool]:
    """(code and sentence of the refusal, whether anything changed), and everything as it was before."""
    with transaction.atomic():
        before = Job.objects.filter(pk=job.pk).values().get(), Event.objects.count()
        refused: tuple[str, str] | None = None
        try:
            job_actions.act(verb, Job.objects.get(pk=job.pk), by=actor, order=order)
        except Refused as refusal:
            refused = refusal.code, refusal.message
        changed = before != (Job.objects.filter(pk=job.pk).values().get(), Event.objects.count())
        transaction.set_rollback(True)
    return refused, changed


def assert_dry_run_tells(verb: Verb, job: Job, actor: Actor, order: Order) -> bool:
    """Returns whether the act passed and changed something."""
    promised = refusal(verb, job, actor, order)
    refused, changed = outcome(verb, job, actor, order)
    assert (promised and (promised.code, promised.message)) == refused, (verb, actor.name, order)
    assert changed == (refused is None and not changes_nothing(verb, job)), (verb, actor.name, order)
    return changed


@pytest.mark.parametrize("status", list(JobStatus))
def test_dry_run_act_and_button_agree_in_every_state_with_every_lock_and_dependency(status: JobStatus) -> None:
    ada = Actor(make_user("ada", admin=True))
    for job in cases(status, ada):
        passed = {verb for verb in Verb if assert_dry_run_tells(verb, job, ada, ORDERS.get(verb, [Order()])[0])}
        assert {action.name for action in possible_actions(ActionRules(job, ada))} == passed


@pytest.mark.parametrize("status", [JobStatus.WAITING, JobStatus.FAILED, JobStatus.REVIEW, JobStatus.QUARANTINED])
def test_dry_run_act_and_button_agree_for_every_role(status: JobStatus) -> None:
    roles = {"olga": "operator", "mara": "submitter", "nina": "submitter", "rosa": "reviewer", "vera": "viewer"}
    actors = [Actor(make_user(name, role=role)) for name, role in roles.items()]
    job = make_case(status, actors[1], locked=False, parent=None)
    for actor in actors:
        passed = {verb for verb in Verb if assert_dry_run_tells(verb, job, actor, ORDERS.get(verb, [Order()])[0])}
        assert {action.name for action in possible_actions(ActionRules(job, actor))} == passed


@pytest.mark.parametrize(("verb", "status"), [(Verb.ESCALATE, JobStatus.FAILED), (Verb.REVIEW, JobStatus.REVIEW)])
def test_the_dry_run_refuses_the_tools_and_verdicts_that_the_act_refuses(verb: Verb, status: JobStatus) -> None:
    ada = Actor(make_user("ada", admin=True))
    job = make_case(status, ada, locked=False, parent=None)
    passed = [assert_dry_run_tells(verb, job, ada, order) for order in ORDERS[verb]]
    assert True in passed and False in passed


def test_the_dry_run_refuses_to_ask_for_changes_where_the_tool_takes_no_prompt() -> None:
    ada = Actor(make_user("ada", admin=True))
    job = make_job(status=JobStatus.REVIEW)
    assert not assert_dry_run_tells(Verb.REVIEW, job, ada, Order(verdict=ReviewVerdict.REQUEST_CHANGES, message="x"))


@pytest.mark.parametrize("status", [JobStatus.WAITING, JobStatus.BLOCKED, JobStatus.FAILED, JobStatus.RUNNING])
def test_the_dry_run_of_the_api_answers_as_the_act_of_the_api(status: JobStatus, client: Client) -> None:
    owner = Actor(make_user("ada", admin=True))
    client.force_login(owner.user)

    def ask(verb: Verb, job: Job, *, dry_run: bool) -> Any:
        body = {"verb": verb, "job_ids": [job.job_id], "tool": "codex", "dry_run": dry_run}
        answer = client.post("/api/v1/jobs/bulk", body, content_type="application/json").json()["results"][0]
        return answer["ok"], answer["code"], answer["detail"]

    for locked, parent in ((False, None), (False, JobStatus.FAILED), (True, None)):
        job = make_case(status, owner, locked=locked, parent=parent)
        for verb in (Verb.RETRY, Verb.ESCALATE, Verb.RELEASE):
            promised = ask(verb, job, dry_run=True)
            with transaction.atomic():
                assert ask(verb, job, dry_run=False) == promised, verb
                transaction.set_rollback(True)


def test_the_lock_and_the_failed_dependency_of_a_job_are_read_once_for_all_its_buttons(
    django_assert_num_queries: Any,
) -> None:
    job = make_job(status=JobStatus.FAILED)
    with django_assert_num_queries(1):
        assert Verb.RETRY in ActionRules(job).possible()


@pytest.mark.parametrize(
    ("verb", "targets"),
    [
        (Verb.CANCEL, {JobStatus.CANCELLED, JobStatus.CANCELLING}),
        (Verb.RETRY, {JobStatus.QUEUED}),
        (Verb.ESCALATE, {JobStatus.QUEUED}),
        (Verb.RELEASE, {JobStatus.QUEUED}),
        (Verb.CLOSE, {JobStatus.FAILED}),
        (Verb.HOLD, {JobStatus.WAITING}),
        (Verb.REVIEW, {JobStatus.COMPLETED, JobStatus.REJECTED, JobStatus.QUEUED}),
    ],
)
def test_where_a_verb_is_allowed_the_state_machine_has_a_way(verb: Verb, targets: set[JobStatus]) -> None:
    for status in ALLOWED_FROM[verb]:
        assert NEXT[status] & targets or status in targets, status
