"""Dependencies between jobs: linked at submit, where a cycle is refused by name."""

from collections.abc import Sequence
from typing import Any

from jobs.errors import DependencyCycle, InvalidDocument
from jobs.models import Dependency, Job, Workstream
from jobs.services.transitions import move, recount
from jobs.states import FINAL, JobStatus
from schema import Problem


def link(jobs: Sequence[Job]) -> None:
    """Write the dependencies of freshly created jobs, then let go those that wait for nothing."""
    rows = [row for job in jobs for row in _rows(job)]
    Dependency.objects.bulk_create(rows)
    for job in jobs:
        _refuse_cycle(job)
    for job in jobs:
        _settle(job)


def _rows(job: Job) -> list[Dependency]:
    rows = []
    for index, need in enumerate(job.metadata.get("depends_on") or []):
        pointer = f"/metadata/depends_on/{index}"
        if need == job.job_id:
            raise DependencyCycle(f"The jobs would wait for each other for ever: {job.job_id} needs {job.job_id}.")
        if isinstance(need, str):
            # The lock keeps the parent from ending between our look and our row.
            parent = Job.objects.select_for_update().filter(job_id=need).first()
            if parent is None:
                raise _unknown(pointer, "job", need)
            rows.append(Dependency(job=job, needs=parent, met=parent.status == JobStatus.COMPLETED))
        else:
            name = need["workstream"]
            stream = Workstream.objects.filter(ws_id=name, run_id=job.run_id).first()
            stream = stream or Workstream.objects.filter(ws_id=name).order_by("-id").first()
            if stream is None:
                raise _unknown(pointer, "workstream", name)
            members = Job.objects.select_for_update().filter(workstream=stream)
            done = bool(members) and all(member.status == JobStatus.COMPLETED for member in members)
            rows.append(Dependency(job=job, needs_workstream=stream, met=done))
    return rows


def _unknown(pointer: str, kind: str, name: str) -> InvalidDocument:
    sentence = f"{pointer[1:].replace('/', '.')} names {kind} {name}, which does not exist."
    problem = Problem(pointer, sentence, name, f"a {kind} on record or in the same submission", "Submit it first.")
    return InvalidDocument(sentence, [problem])


def _refuse_cycle(job: Job) -> None:
    """Walk up from `job`; meeting it again is a ring."""
    trail: dict[int, int | None] = {job.pk: None}
    names = {job.pk: job.job_id}
    frontier = [job.pk]
    while frontier:
        edges: list[tuple[int, int, str]] = list(
            Dependency.objects.filter(job_id__in=frontier, needs__isnull=False).values_list(
                "job_id", "needs_id", "needs__job_id"
            )
        )
        streams = Dependency.objects.filter(job_id__in=frontier, needs_workstream__isnull=False)
        for child, stream in streams.values_list("job_id", "needs_workstream_id"):
            members = Job.objects.filter(workstream_id=stream).values_list("pk", "job_id")
            edges += [(child, pk, name) for pk, name in members]
        frontier = []
        for child, parent, name in edges:
            if parent == job.pk:
                raise DependencyCycle(
                    f"The jobs would wait for each other for ever: {_ring(trail, names, child, job)}."
                )
            if parent not in trail:
                trail[parent], names[parent] = child, name
                frontier.append(parent)


def _ring(trail: dict[int, int | None], names: dict[int, str], last: int, job: Job) -> str:
    steps: list[str] = [job.job_id]
    step: Any = last
    while step is not None:
        steps.append(names[step])
        step = trail[step]
    return " needs ".join(reversed(steps))


def _settle(job: Job) -> None:
    failed = job.dependencies.filter(met=False, needs__status__in=FINAL).select_related("needs").first()
    if failed and failed.needs and job.metadata.get("on_dependency_failure") != "hold":
        job.unmet = job.dependencies.filter(met=False).count()
        move(
            job,
            JobStatus.BLOCKED,
            reason="dependency",
            unmet=job.unmet,
            summary=f"Blocked: {failed.needs.job_id} ended as {failed.needs.status}.",
        )
        return
    if failed:
        Job.objects.filter(pk=job.pk).update(on_hold=True)
        job.on_hold = True
    recount(job)
