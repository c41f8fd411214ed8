"""Dependencies between jobs: linked at submit, where a cycle is refused by name; armed again when a parent is retried."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import batched

from django.db.models import Q

from jobs.errors import DependencyCycle, InvalidDocument
from jobs.models import Dependency, Job, Workstream
from jobs.services.core.transitions import locked, move, recount
from jobs.states import NOT_COMPLETED, JobStatus
from schema import Problem

MAX_AT_ONCE = 500  # names in one query; SQLite takes some thousand parameters


def link(jobs: Sequence[Job]) -> None:
    """Write the dependencies of freshly created jobs, then let go those that wait for nothing."""
    rows = [row for job in jobs for row in _rows(job)]
    Dependency.objects.bulk_create(rows)
    bound = {row.job_id for row in rows if not row.met}  # a ring leads through a new job that needs something
    _refuse_ring([job for job in jobs if job.pk in bound])
    for job in jobs:
        if job.pk in bound:
            _settle(job)
        else:
            move(job, JobStatus.QUEUED)


def _rows(job: Job) -> list[Dependency]:
    needs = job.options.depends_on
    parents = _parents([need for need in needs if isinstance(need, str)])
    rows: dict[tuple[str, int], Dependency] = {}  # what is named twice counts once
    for index, need in enumerate(needs):
        pointer = f"/metadata/depends_on/{index}"
        if need == job.job_id:
            raise DependencyCycle(f"The jobs would wait for each other forever: {job.job_id} needs {job.job_id}.")
        if isinstance(need, str):
            parent = parents.get(need)
            if parent is None:
                raise _unknown(pointer, "job", need)
            rows["job", parent.pk] = Dependency(job=job, needs=parent, met=parent.status == JobStatus.COMPLETED)
        else:
            name = need["workstream"]
            stream = Workstream.objects.filter(ws_id=name, run_id=job.run_id).first()
            stream = stream or Workstream.objects.filter(ws_id=name).order_by("-id").first()
            if stream is None:
                raise _unknown(pointer, "workstream", name)
            rows["workstream", stream.pk] = Dependency(job=job, needs_workstream=stream, met=_is_done(stream))
    return list(rows.values())


def _parents(names: Sequence[str]) -> dict[str, Job]:
    """By name, and locked: none may end between our look and our row. In one order, so that two submits do not cross."""
    found: dict[str, Job] = {}
    for some in batched(sorted(names), MAX_AT_ONCE):
        rows = Job.objects.select_for_update().filter(job_id__in=some).only("job_id", "status").order_by("pk")
        found |= {parent.job_id: parent for parent in rows}
    return found


def _is_done(stream: Workstream) -> bool:
    """Whether every job of it, one at least, has completed; those that have not are locked, as parents are."""
    members = Job.objects.filter(workstream=stream)
    open_ones = members.select_for_update().exclude(status=JobStatus.COMPLETED).order_by("pk").values_list("pk")
    return not list(open_ones) and members.exists()


def _unknown(pointer: str, kind: str, name: str) -> InvalidDocument:
    sentence = f"{pointer[1:].replace('/', '.')} names {kind} {name}, which does not exist."
    problem = Problem(pointer, sentence, name, f"a {kind} on record or in the same submission", "Submit it first.")
    return InvalidDocument(sentence, [problem])


def _refuse_ring(jobs: Sequence[Job]) -> None:
    """Follow what is not met yet from `jobs` upwards; a workstream is a node of its own, below zero and without a name."""
    names = {job.pk: job.job_id for job in jobs}
    needs: dict[int, list[int]] = {}
    frontier = list(names)
    while frontier:
        edges = [edge for some in batched(frontier, MAX_AT_ONCE) for edge in _edges(some)]
        frontier = []
        for child, parent, name in edges:
            needs.setdefault(child, []).append(parent)
            if parent not in names:
                names[parent] = name
                frontier.append(parent)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as found:
        ring = [names[node] for node in reversed(found.args[1][1:]) if names[node]]
        told = " needs ".join([*ring, ring[0]])
        raise DependencyCycle(f"The jobs would wait for each other forever: {told}.") from None


def _edges(nodes: Sequence[int]) -> list[tuple[int, int, str]]:
    """(child, parent, the parent's name)."""
    unmet = Dependency.objects.filter(job_id__in=nodes, met=False)
    edges = list(unmet.filter(needs__isnull=False).values_list("job_id", "needs_id", "needs__job_id"))
    streams = unmet.filter(needs_workstream__isnull=False).values_list("job_id", "needs_workstream_id")
    edges += [(child, -stream, "") for child, stream in streams]
    members = Job.objects.filter(workstream_id__in=[-node for node in nodes if node < 0])
    open_ones = members.exclude(status=JobStatus.COMPLETED).values_list("workstream_id", "pk", "job_id")
    return edges + [(-stream, pk, name) for stream, pk, name in open_ones]


def failed_need(job: Job) -> Job | None:
    """One of those that `job` still needs and that ended otherwise than well: it would wait for that forever.

    Both queries start from the rows of `job` and take one index entry for each: history costs nothing.
    """
    unmet = job.dependencies.filter(met=False)
    own = unmet.filter(needs__status__in=NOT_COMPLETED).order_by("-needs_id").values_list("needs_id", flat=True)
    of_stream = unmet.filter(needs_workstream__jobs__status__in=NOT_COMPLETED)
    failed = [*own[:1]] or [*of_stream.values_list("needs_workstream__jobs", flat=True)[:1]]
    return Job.objects.get(pk=failed[0]) if failed else None


def _settle(job: Job) -> None:
    failed = failed_need(job)
    if failed and job.options.on_dependency_failure != "hold":
        job.unmet_dependencies = job.dependencies.filter(met=False).count()
        move(
            job,
            JobStatus.BLOCKED,
            reason="dependency",
            unmet_dependencies=job.unmet_dependencies,
            summary=f"Blocked: {failed.job_id} ended as {failed.status}.",
        )
        return
    if failed:
        Job.objects.filter(pk=job.pk).update(on_hold=True, summary=f"Held: {failed.job_id} ended as {failed.status}.")
        job.on_hold = True
    recount(job)


def rearm(parent: Job, by: str) -> None:
    """What was blocked by this job's failure waits again, down the line, unless something else that it needs failed too."""
    again = [parent]
    while again:
        parent = again.pop()
        needing = Q(needs=parent) | Q(needs_workstream_id=parent.workstream_id)
        unmet = Dependency.objects.filter(needing, met=False, job__status=JobStatus.BLOCKED)
        for child in locked(list(unmet.values_list("job_id", flat=True))):
            if child.status == JobStatus.BLOCKED and failed_need(child) is None:
                count = Dependency.objects.filter(job=child, met=False).count()
                move(child, JobStatus.WAITING, by=by, reason="", summary="", unmet_dependencies=count)
                again.append(child)
