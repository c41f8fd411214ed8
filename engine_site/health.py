"""Health for load balancers and watchdogs: is the process up, does the database answer, is work being taken."""

import os

from django.conf import settings
from django.db import Error as DatabaseFault
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.models import Job, Node, StepAttempt
from jobs.models.durations import elapsed_s
from jobs.queue.limits import Limits

LEAST_FREE_BYTES = 8_000_000  # less than SQLite may need for one transaction and its log
MAX_WAIT_S = 30  # a job that may start and does not for so long, although a slot is free: nobody takes work


def free_bytes() -> int:
    """Room on the disk of the data directory, for a user who is not root."""
    found = os.statvfs(settings.ENGINE_DATA_DIR)
    return found.f_bavail * found.f_frsize


@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """The web process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """The database answers as well, and there is room to write."""
    try:
        Node.objects.exists()
    except DatabaseFault:
        return JsonResponse({"status": "unavailable", "because": "the database does not answer"}, status=503)
    if free_bytes() < LEAST_FREE_BYTES:
        return JsonResponse({"status": "unavailable", "because": "the disk of the data directory is full"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def workers(request: HttpRequest) -> JsonResponse:
    """Workers are there and take work. No names: this answer needs no login."""
    nodes = list(Node.objects.filter(stopped_at=None))
    alive = [node for node in nodes if node.is_alive]
    taking = [node for node in alive if not node.draining]
    running = StepAttempt.objects.alive().filter(node__in=[node.name for node in taking]).count()
    free = sum(node.slots for node in taking) - running
    queues = {queue for node in taking for queue in node.queues}
    ready_jobs = Limits.read().apply(Job.objects.claimable().filter(queue__in=queues))
    oldest = ready_jobs.order_by("queued_at").values_list("queued_at", flat=True).first()
    waited_s = elapsed_s(oldest) if oldest else 0.0
    stuck = free > 0 and waited_s > MAX_WAIT_S
    facts = {
        "status": "ok" if alive and not stuck else "unavailable",
        "workers": len(alive),
        "silent": len(nodes) - len(alive),
        "free_slots": max(0, free),
        "oldest_ready_s": round(waited_s, 1),
    }
    return JsonResponse(facts, status=200 if facts["status"] == "ok" else 503)
