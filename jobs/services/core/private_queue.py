"""Queues that only one process serves, for as long as it waits for its job: a cluster beside it cannot take the job away."""

from django.conf import settings

from adapters.process.sweep import own_identity
from jobs.models import Job
from jobs.states import JobStatus

PRIVATE = "here:"


def private_queue_prefix() -> str:
    """What the private queues of this host begin with."""
    return f"{PRIVATE}{settings.ENGINE_NODE[:30]}:"


def is_private(queue: str) -> bool:
    """Whether only one process serves this queue, on any host. Lists of queues leave it out."""
    return queue.startswith(PRIVATE)


def private_queue() -> str:
    """The queue that this process serves."""
    pid, started = own_identity()
    return f"{private_queue_prefix()}{pid}:{started}"


def served_queue(job: Job) -> str:
    """Where a job goes that a person starts again: its process has turned away from all but one that waits for a retry."""
    if is_private(job.queue) and job.status != JobStatus.RETRYING:
        return job.options.queue
    return job.queue
