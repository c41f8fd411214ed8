"""The live stream of events: one query a tick for all watchers, and one selection for all with the same rights."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from jobs.models import Event
from jobs.services.reading.sse import KEEP_ALIVE, OPENING, Message
from jobs.services.reading.streams import Bulletin, Hub, Permission, in_thread, of_process, patiently

BACK = 200  # events are numbered when written and seen when committed: the last ones are looked at again
AT_ONCE = 500


class Selector(Permission, Protocol):
    """What somebody may see of the events. Of equal ones only one is asked."""

    def messages(self, events: Sequence[Event]) -> list[Message]:
        """Those of the events that they may see, in the same order. Reads the database."""


@dataclass(frozen=True)
class Batch:
    """Events that were committed since the look before, and what each kind of watcher is sent of them."""

    events: list[Event]
    messages: dict[Permission, list[Message]]


class EventHub(Hub[Batch]):
    def __init__(self) -> None:
        super().__init__()
        self.bulletin: Bulletin[Batch] = Bulletin()
        self.begun = asyncio.Event()
        self._seen: deque[int] = deque(maxlen=4 * BACK)

    @property
    def last(self) -> int:
        """The highest number that was looked at."""
        return max(self._seen, default=0)

    async def look(self) -> None:
        if not self.begun.is_set():
            self._seen.extend(await in_thread(_last))
            self.begun.set()
        batch = await in_thread(self._read, {watcher.permission for watcher in self.watchers})
        if batch.events:
            self._seen.extend(event.pk for event in batch.events)
            self.bulletin.publish(batch)

    def _read(self, selectors: set[Permission]) -> Batch:
        rows = Event.objects.filter(pk__gt=self.last - BACK).order_by("pk")
        events = [event for event in rows[: BACK + AT_ONCE] if event.pk not in self._seen]
        chosen = {one: cast(Selector, one).messages(events) for one in selectors} if events else {}
        return Batch(events, chosen)


def _last() -> list[int]:
    return list(Event.objects.order_by("-pk").values_list("pk", flat=True)[:BACK])


class EventWatch:
    """One watcher's place in the events: `after` is the highest number that was told."""

    def __init__(self, selector: Selector, after: int) -> None:
        self.selector, self.after = selector, after
        self._start = after
        self._told: deque[int] = deque(maxlen=4 * BACK)

    async def past(self) -> list[Message] | None:
        """The next part of what was committed and not yet told; None if there is none."""
        events, messages = await patiently(self._read)
        self._note(events)
        return messages if events else None

    async def take(self, batch: Batch) -> list[Message]:
        fresh = [event for event in batch.events if event.pk > self._start and event.pk not in self._told]
        self._note(fresh)
        if len(fresh) == len(batch.events) and self.selector in batch.messages:
            return batch.messages[self.selector]
        return await patiently(partial(self.selector.messages, fresh)) if fresh else []

    def _read(self) -> tuple[list[Event], list[Message]]:
        events = list(Event.objects.filter(pk__gt=self.after).order_by("pk")[:AT_ONCE])
        return events, self.selector.messages(events)

    def _note(self, events: Sequence[Event]) -> None:
        self._told.extend(event.pk for event in events)
        self.after = max([self.after, *(event.pk for event in events)])


async def watch_events(selector: Selector, after: int | None) -> AsyncGenerator[bytes]:
    """Events after number `after`, or from now on, as one watcher is sent them, until its right ends."""
    hub = of_process().hub(EventHub)
    async with hub.joined(hub.bulletin, selector) as watcher:
        yield OPENING
        await hub.begun.wait()  # before the past is read: nothing falls between
        place = EventWatch(selector, hub.last if after is None else after)
        seen, behind = hub.bulletin.count, after is not None
        while watcher.allowed:
            if behind:
                messages = await place.past()
                behind = messages is not None
                if messages:
                    yield _encoded(messages)
                continue
            await hub.bulletin.wait(seen)
            batches, complete = hub.bulletin.since(seen)
            seen, behind = hub.bulletin.count, not complete
            for batch in batches if complete and watcher.allowed else ():
                if batch is None:
                    yield KEEP_ALIVE
                elif told := await place.take(batch):
                    yield _encoded(told)


def _encoded(messages: Sequence[Message]) -> bytes:
    return b"".join(message.encoded for message in messages)
