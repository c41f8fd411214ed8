"""Repair: slow safety nets for states that should not happen and would otherwise last forever."""

from functools import partial

from django.db.models import Q

from adapters.process.sweep import alive
from jobs import db
from jobs.models import ErrorGroup, Job
from jobs.services.core.private_queue import private_queue_prefix
from jobs.services.core.transitions import locked, move, recount
from jobs.services.maintenance.guarded import guarded
from jobs.states import ErrorState, JobStatus

BATCH_SIZE = 200
NOT_STARTED = (JobStatus.WAITING, JobStatus.QUEUED, JobStatus.RETRYING)


def repair() -> None:
    _queue_what_waits_for_nothing()
    _cancel_what_a_dead_command_left()
    _end_mutes()


def _queue_what_waits_for_nothing() -> None:
    met = Q(unmet_dependencies=0) | ~Q(dependencies__met=False)
    waiting = Job.objects.filter(met, status=JobStatus.WAITING, on_hold=False)
    for pk in waiting.values_list("pk", flat=True).distinct()[:BATCH_SIZE]:
        guarded(partial(_recount, pk))


def _recount(pk: int) -> None:
    with db.atomic():  # inside the guard: a refusal must undo the whole step
        for child in locked([pk]):
            recount(child)


def _cancel_what_a_dead_command_left() -> None:
    """Jobs in the private queue of a foreground command that has ended: nobody else serves it."""
    for job in Job.objects.filter(status__in=NOT_STARTED, queue__startswith=private_queue_prefix()):
        pid, started = map(int, job.queue.split(":")[-2:])
        if not alive(pid, started):
            gone = "The command that ran it has ended."
            guarded(partial(move, job, JobStatus.CANCELLED, reason="cancelled", summary=gone))


def _end_mutes() -> None:
    muted = ErrorGroup.objects.filter(state=ErrorState.MUTED, muted_until__lte=db.now())
    muted.update(state=ErrorState.OPEN, muted_until=None)
