"""Events: what happened, who did it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from jobs.access import Actor
from jobs.api.auth import READ, actor
from jobs.api.errors import problem
from jobs.api.logs import NO_STREAMS, ResumeAt
from jobs.api.pagination import Page, PageQuery, Sparse, one, page
from jobs.api.responses import RowId, Text, answers
from jobs.api.schemas import EventOut
from jobs.errors import NotFound
from jobs.models import Event
from jobs.services.reading.event_stream import watch_events
from jobs.services.reading.events import matching
from jobs.services.reading.moments import Moment
from jobs.services.reading.sse import Message
from jobs.streaming.credentials import Credential, credential_of
from jobs.streaming.responses import can_stream, event_stream

EventNumber = Annotated[int, Field(ge=0, le=2**53, description="0 tells everything from the first event on")]
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
    filters = {name: getattr(query, name) for name in EventsQuery.model_fields if name not in PageQuery.model_fields}
    return page(request, matching(actor(request).events(), **filters), EventOut, query)


@router.get("/stream", auth=READ, operation_id="events_stream", summary="Stream events", response=answers(str, 501))
def stream(request: HttpRequest, after: EventNumber | None = None, last_event_id: ResumeAt = None) -> Any:
    """Server-sent events: every change as it happens; resumes after Last-Event-ID, or after the event `after`.

    Ends within seconds when the caller may no longer read.
    """
    if not can_stream(request):
        return problem(request, 501, NO_STREAMS, "no_streams")
    if last_event_id and last_event_id.isdecimal():
        after = int(last_event_id)
    return event_stream(watch_events(VisibleEvents(credential_of(request, actor(request))), after))


@dataclass(frozen=True)
class VisibleEvents:
    """What somebody may see of the events, in the shape of the API."""

    credential: Credential

    def holds(self) -> bool:
        return self.credential.reader() is not None

    def messages(self, events: Sequence[Event]) -> list[Message]:
        reader = self.credential.reader()
        if reader is None:
            return []
        visible = reader.events().filter(pk__in=[event.pk for event in events]).order_by("pk")
        return [_message(event, reader) for event in visible]


def _message(event: Event, reader: Actor) -> Message:
    shown = EventOut.model_validate(event, context={"viewer": reader}).model_dump(mode="json")
    return Message(event.event_type, str(event.pk), shown)


@router.get(
    "/{event_id}", auth=READ, operation_id="events_get", summary="Get an event", response=answers(EventOut, 404)
)
def get_event(request: HttpRequest, event_id: RowId, query: Query[Sparse]) -> Any:
    """One event, by its number."""
    event = actor(request).events().filter(pk=event_id).first()
    if event is None:
        raise NotFound(f"Event {event_id} not found.")
    return one(request, event, EventOut, query.fields)
