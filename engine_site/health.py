"""Health for load balancers and watchdogs: is the process up, does the database answer, is work being taken."""

from datetime import timedelta

from django.db import Error as DatabaseFault
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.models import Job, Node
from jobs.queue.limits import Limits
from jobs.states import JobStatus

SEEN_S = 15  # a node beats each second
WAIT_S = 30  # a job that may start and does not, although a slot is free: nobody takes work


@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """The web process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """The database answers as well."""
    try:
        Node.objects.exists()
    except DatabaseFault:
        return JsonResponse({"status": "unavailable", "because": "the database does not answer"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def workers(request: HttpRequest) -> JsonResponse:
    """Workers are there and take work. No names: this answer needs no login."""
    at = timezone.now()
    nodes = list(Node.objects.filter(stopped_at=None))
    seen = [node for node in nodes if node.heartbeat_at > at - timedelta(seconds=SEEN_S)]
    free = sum(node.slots for node in seen if not node.draining) - Job.objects.filter(status=JobStatus.RUNNING).count()
    queues = {queue for node in seen for queue in node.queues}
    ready_jobs = Limits.read().apply(Job.objects.claimable().filter(queue__in=queues))
    oldest = ready_jobs.order_by("queued_at").values_list("queued_at", flat=True).first()
    waited_s = (at - oldest).total_seconds() if oldest else 0.0
    stuck = free > 0 and waited_s > WAIT_S
    well = bool(seen) and not stuck
    facts = {
        "status": "ok" if well else "unavailable",
        "workers": len(seen),
        "silent": len(nodes) - len(seen),
        "free_slots": max(0, free),
        "oldest_ready_s": round(waited_s, 1),
    }
    return JsonResponse(facts, status=200 if well else 503)
