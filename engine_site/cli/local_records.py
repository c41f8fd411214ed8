"""Records besides jobs from the local database, in the shapes of the API."""

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from ninja import Schema

from jobs.api.queues import QueueOut
from jobs.api.runs import RunDetail
from jobs.api.schemas import EventOut
from jobs.api.templates import TemplateOut
from jobs.api.workers import WorkerOut
from jobs.errors import NotFound
from jobs.models import Event, JobTemplate, Run
from jobs.services.reading.event_stream import BACK
from jobs.services.reading.events import matching
from jobs.services.reading.queue_status import queue_statuses
from jobs.services.reading.streams import TICK_S
from jobs.services.reading.viewer import UNRESTRICTED
from jobs.services.reading.worker_status import nodes_with_running


def as_row(row: Any, shape: type[Schema]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shape.model_validate(row, context={"viewer": UNRESTRICTED}).model_dump_json())
    return found


def as_rows(rows: "QuerySet[Any]", shape: type[Schema], limit: int) -> list[dict[str, Any]]:
    return [as_row(row, shape) for row in rows.order_by("-pk")[:limit]]


class LocalRecords:
    def run(self, run_id: str) -> dict[str, Any]:
        run = Run.objects.filter(run_id=run_id).first()
        if run is None:
            raise NotFound(f"Run {run_id} not found.")
        return as_row(run, RunDetail)

    def events(self, filters: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        words: dict[str, Any] = dict(filters)
        return as_rows(matching(Event.objects.all(), **words), EventOut, limit)

    def follow_events(self) -> Iterator[dict[str, Any]]:
        """From now on; events are numbered when written and seen when committed, so the last ones are read again."""
        seen = deque(Event.objects.order_by("-pk").values_list("pk", flat=True)[:BACK], maxlen=4 * BACK)
        while True:
            rows = Event.objects.filter(pk__gt=max(seen, default=0) - BACK).order_by("pk")
            for event in rows:
                if event.pk not in seen:
                    seen.append(event.pk)
                    yield as_row(event, EventOut)
            time.sleep(TICK_S)

    def templates(self, limit: int) -> list[dict[str, Any]]:
        return as_rows(JobTemplate.objects.select_related("owner"), TemplateOut, limit)

    def template(self, slug: str) -> dict[str, Any]:
        found = JobTemplate.objects.select_related("owner").filter(slug=slug).first()
        if found is None:
            raise NotFound(f"Template {slug} not found.")
        return as_row(found, TemplateOut)

    def queues(self) -> list[dict[str, Any]]:
        return [as_row(queue, QueueOut) for queue in queue_statuses(UNRESTRICTED)]

    def workers(self) -> list[dict[str, Any]]:
        return [as_row(node, WorkerOut) for node in nodes_with_running(UNRESTRICTED)]
