"""Events: what happened, who did it."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from jobs.api.answers import Moment, RowId, Text, answers
from jobs.api.auth import READ, actor
from jobs.api.job_shapes import EventOut
from jobs.api.paging import Page, PageQuery, Sparse, one, page
from jobs.errors import NotFound

router = Router(tags=["events"])


class EventsQuery(PageQuery):
    event_type: Text = Field("", description="a type, or its beginning up to a dot: `job.`")
    actor: Text = ""
    run_id: Text = ""
    workstream_id: Text = ""
    job_id: Text = ""
    since: Moment | None = None
    until: Moment | None = None


@router.get("", auth=READ, operation_id="events_list", summary="List events", response=answers(Page[EventOut]))
def list_events(request: HttpRequest, query: Query[EventsQuery]) -> Any:
    """What happened to things that the caller may see, newest first."""
    rows = actor(request).events()
    kind = "event_type__startswith" if query.event_type.endswith(".") else "event_type"
    wanted = {kind: query.event_type, "actor": query.actor, "run_id": query.run_id, "ws_id": query.workstream_id,
              "job__job_id": query.job_id, "timestamp__gte": query.since, "timestamp__lt": query.until}
    return page(request, rows.filter(**{field: value for field, value in wanted.items() if value}), EventOut, query)


@router.get("/{event_id}", auth=READ, operation_id="events_get", summary="Look at an event",
            response=answers(EventOut, 404))
def get_event(request: HttpRequest, event_id: RowId, query: Query[Sparse]) -> Any:
    """One event, by its number."""
    event = actor(request).events().filter(pk=event_id).first()
    if event is None:
        raise NotFound(f"There is no event with the number {event_id}.")
    return one(request, event, EventOut, query.fields)
