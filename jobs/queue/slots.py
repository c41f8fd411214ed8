"""Slots: whether this node should start something now, for the broker and the watchdog."""

from django.conf import settings

from jobs.models import Job, Node, StepAttempt
from jobs.queue.limits import Limits


def startable(most: int = 1) -> int:
    """How many jobs could start on this node now, at most `most`."""
    queues, node = settings.ENGINE_QUEUES, settings.ENGINE_NODE
    if not Job.objects.claimable().filter(queue__in=queues).exists():
        return 0
    if Node.objects.filter(name=node, draining=True).exists():
        return 0
    free = settings.ENGINE_SLOTS - StepAttempt.objects.alive().filter(node=node).count()
    if free <= 0:
        return 0
    ready = Limits.read().apply(Job.objects.claimable().filter(queue__in=queues))
    return min(free, most, ready[:most].count())
