"""Random histories of a few jobs, played by the reference or by batches, and what they leave in the tables."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from unittest.mock import patch

from django.db import models
from hypothesis import strategies as st

from adapters.process import EndedBy, Ending
from adapters.verdict import Reason, Verdict
from jobs.errors import Refused
from jobs.models import Dependency, Event, Job, QueueControl, Run, StepAttempt, ToolControl, Workstream
from jobs.services.core.transitions import move
from jobs.services.execution.claim import Claimant, claim_next
from jobs.services.execution.claim_batch import claim_batch
from jobs.services.operations import controls, job_actions
from jobs.services.outcome.settle import settle
from jobs.services.outcome.settle_batch import Ended, settle_batch
from jobs.services.submission import submit as submission
from jobs.states import JobStatus

SLOTS = 6
TOOLS, QUEUES, RUNS, STREAMS = ["shell", "tests"], ["default", "slow"], ["run-1", "run-2"], ["ws-1", "ws-2"]
ME = Claimant(node="node", host="host", queues=tuple(QUEUES), slots=SLOTS, pid=1, pid_started=1)

# --- What may happen. Numbers choose among what there is at that moment. -----------------------------------------------
_number = st.integers(0, 30)
_needs = st.lists(st.one_of(_number, st.sampled_from(STREAMS).map(lambda name: {"workstream": name})), max_size=2)
_metadata = st.fixed_dictionaries(
    {"access": st.sampled_from(["read", "read", "write"])},
    optional={
        "priority": st.sampled_from(["critical", "high", "low"]),
        "queue": st.just("slow"),
        "concurrency_key": st.just("gpu"),
        "concurrency_limit": st.integers(1, 2),
        "queue_timeout_seconds": st.just(60),
        "review": st.just(True),
        "retry_policy": st.sampled_from(["none", "retry_same", "escalate_to_tests"]),
        "on_dependency_failure": st.just("hold"),
    },
)
_document = st.fixed_dictionaries(
    {
        "run_id": st.sampled_from(RUNS),
        "workstream_id": st.sampled_from(STREAMS),
        "tool": st.sampled_from(TOOLS),
        "metadata": _metadata,
        "needs": st.one_of(st.just([]), st.just([]), _needs),
        "again": st.integers(0, 40).map(lambda chance: chance == 40),  # with the id of an earlier one
    }
)
_reason = st.sampled_from([Reason.OK] * 6 + [Reason.EXIT_CODE, Reason.LOST, Reason.INFRA, Reason.CANCELLED])
_submit = st.tuples(st.just("submit"), st.lists(_document, min_size=2, max_size=8))
_claim = st.tuples(st.just("claim"), st.integers(1, 8))
_settle = st.tuples(st.just("settle"), st.lists(st.tuples(_number, _reason), min_size=1, max_size=8))
_between = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["cancel", "hold", "release", "retry", "approve", "promote"]), _number),
        st.tuples(st.sampled_from(["limit_tool", "limit_queue", "pause_tool", "pause_queue"]), _number),
        st.tuples(st.sampled_from(["trip", "try_now", "lock", "unlock"]), _number),
    ),
    max_size=2,
)
_round = st.tuples(_submit, _between, _claim, _between, _settle, _between, _claim, _settle)
history = st.lists(_round, min_size=1, max_size=4).map(
    lambda rounds: [step for each in rounds for part in each for step in (part if isinstance(part, list) else [part])]
)


@dataclass
class Player:
    """Plays a history; `batches` says by which functions. `said` is what the calls answered."""

    batches: bool
    said: list[Any] = field(default_factory=list)
    held: list[StepAttempt] = field(default_factory=list)  # attempts that a worker has in its hands
    names: list[str] = field(default_factory=list)  # of the jobs on record, and of those in hand

    def play(self, steps: Sequence[tuple[str, Any]]) -> None:
        for verb, what in steps:
            try:
                answer = getattr(self, verb)(what)
            except Refused as refusal:
                answer = (refusal.code, refusal.message)
            self.said.append((verb, answer))

    def submit(self, wishes: Sequence[dict[str, Any]]) -> list[Any]:
        on_record = list(self.names)
        documents = [self._document(wish) for wish in wishes]
        submit_batch = submission.submit_batch if self.batches else lambda drafts: None
        try:
            with patch.object(submission, "submit_batch", submit_batch):
                jobs = submission.submit_all(documents)
        except Refused:
            self.names = on_record
            raise
        return [(job.job_id, job.status, job.workstream.ws_id, job.pk is not None) for job in jobs]

    def _document(self, wish: dict[str, Any]) -> dict[str, Any]:
        known = list(self.names)
        name = known[-1] if wish["again"] and known else f"job-{len(known)}"
        self.names.append(name)
        needs = [known[need % len(known)] if isinstance(need, int) else need for need in wish["needs"]] if known else []
        metadata = {**wish["metadata"], **({"depends_on": needs} if needs else {})}
        exe = {"shell": "true", "tests": "pytest"}[wish["tool"]]
        return {
            "job_id": name,
            "run_id": wish["run_id"],
            "workstream_id": wish["workstream_id"],
            "tool": wish["tool"],
            "command": {"exe": exe, "args": []},
            "paths": {"repo_root": "/tmp"},
            "metadata": metadata,
        }

    def claim(self, most: int) -> list[Any]:
        if self.batches:
            claimed = claim_batch(ME, most)
        else:
            claimed = []
            while len(claimed) < most and (attempt := claim_next(ME)):
                claimed.append(attempt)
        self.held += claimed
        return [(each.job.job_id, each.job.status, each.number, each.fence, each.ws_id) for each in claimed]

    def settle(self, wishes: Sequence[tuple[int, Reason]]) -> list[str]:
        ended = [
            Ended(
                self.held.pop(number % len(self.held)), _verdict(reason), Ending(EndedBy.EXIT, int(reason != Reason.OK))
            )
            for number, reason in wishes
            if self.held
        ]
        ended.sort(key=_goes_alone)  # as a batch does: what ends in one turn has no order
        if self.batches:
            return ["" if refusal is None else str(refusal) for refusal in settle_batch(ended)]
        answers = []
        for one in ended:
            answers.append("")
            try:
                settle(one.attempt, one.verdict, one.ending)
            except Refused as refusal:
                answers[-1] = str(refusal)
        return answers

    def cancel(self, number: int) -> None:
        self._act(job_actions.cancel, number)

    def hold(self, number: int) -> None:
        self._act(job_actions.hold, number)

    def release(self, number: int) -> None:
        self._act(job_actions.release, number)

    def retry(self, number: int) -> None:
        self._act(job_actions.retry, number)

    def approve(self, number: int) -> None:
        self._act(lambda job, by: job_actions.review(job, by=by, verdict="approve"), number)

    def _act(self, verb: Callable[..., Any], number: int) -> None:
        jobs = list(Job.objects.order_by("pk"))
        if jobs:
            verb(jobs[number % len(jobs)], by="mara")

    def limit_tool(self, number: int) -> None:
        controls.limit_tool(TOOLS[number % 2], 1 + number % 4, by="mara")

    def limit_queue(self, number: int) -> None:
        controls.limit_queue(QUEUES[number % 2], 1 + number % 4, by="mara")

    def pause_tool(self, number: int) -> None:
        verb = controls.resume_tool if number % 3 else controls.pause_tool
        verb(TOOLS[number % 2], by="mara")

    def pause_queue(self, number: int) -> None:
        verb = controls.resume_queue if number % 3 else controls.pause_queue
        verb(QUEUES[number % 2], by="mara")

    def trip(self, number: int) -> None:
        controls.trip_circuit(TOOLS[number % 2], by="mara")

    def try_now(self, number: int) -> None:
        controls.try_tool_now(TOOLS[number % 2], by="mara")

    def lock(self, number: int) -> None:
        for row in Workstream.objects.filter(ws_id=STREAMS[number % 2]).order_by("run_id")[:1]:
            controls.lock_workstream(row, by="mara", reason="frozen")

    def unlock(self, number: int) -> None:
        for row in Workstream.objects.filter(ws_id=STREAMS[number % 2]).order_by("run_id")[:1]:
            controls.unlock_workstream(row, by="mara")

    def promote(self, number: int) -> None:
        for job in Job.objects.delayed().order_by("pk"):
            with suppress(Refused):
                move(job, JobStatus.QUEUED)


def _goes_alone(ended: Ended) -> bool:
    return not ended.is_plain or Job.objects.get(pk=ended.attempt.job_id).status != JobStatus.RUNNING


def _verdict(reason: Reason) -> Verdict:
    return Verdict(reason, f"It ended: {reason}.", "test", evidence=("quote",), usage={"tokens": 3})


# --- What is left ------------------------------------------------------------------------------------------------------
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
CHANCE = {"marker", "log_dir", "claim_order"}  # differ each time


def left() -> dict[str, list[dict[str, Any]]]:
    """Every row, with names in place of keys and with times as whether there is one."""
    names = {
        Job: dict(Job.objects.values_list("pk", "job_id")),
        Workstream: {pk: f"{run} {name}" for pk, run, name in Workstream.objects.values_list("pk", "run_id", "ws_id")},
        StepAttempt: {row.pk: f"{row.job.job_id} {row.number}" for row in StepAttempt.objects.select_related("job")},
    }
    tables = (Job, StepAttempt, Run, Workstream, Dependency, ToolControl, QueueControl)
    found = {model.__name__: [_plain(row, names) for row in model._default_manager.order_by("pk")] for model in tables}
    for table, by in (("Run", ("run_id",)), ("Workstream", ("run_id", "ws_id"))):  # a batch makes them in this order
        found[table].sort(key=itemgetter(*by))
    events = [_plain(row, names) for row in Event.objects.order_by("pk")]
    # Of each job in their order; across jobs a batch writes them in another one.
    found["Event"] = sorted(events, key=lambda event: (event["job_id"] or "", event["run_id"] or ""))
    return found


def _without_times(value: Any) -> Any:
    return json.loads(TIME.sub("a time", json.dumps(value))) if isinstance(value, dict | list) else value


def _plain(row: models.Model, names: dict[Any, dict[int, str]]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for column in row._meta.concrete_fields:
        value = getattr(row, column.attname)
        if column.primary_key or column.name in CHANCE:
            continue
        if isinstance(column, models.DateTimeField):
            plain[column.attname] = value is not None
        elif column.is_relation and column.related_model in names:
            plain[column.attname] = names[column.related_model].get(value)
        elif column.name == "error":
            plain[column.attname] = value is not None
        else:
            plain[column.attname] = _without_times(value)
    if isinstance(row, Job) and row.dependencies.exists():
        del plain["version"]  # two parents that end in one batch are one change: a test of its own says so
    if isinstance(row, StepAttempt):  # how long it took, without an ending, is a matter of chance
        plain["result_json"] = {key: value for key, value in row.result_json.items() if key != "duration_s"}
    return plain
