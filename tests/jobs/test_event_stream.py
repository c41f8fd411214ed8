"""The stream of events: every event once for each watcher, one query and one selection for all of them."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import pytest
from asgiref.sync import sync_to_async

from jobs.models import Event
from jobs.services.core import events
from jobs.services.reading import event_stream, streams
from jobs.services.reading.event_stream import watch_events
from jobs.services.reading.sse import Message
from tests.jobs.test_log_stream import collect, run, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream_thread")]
asked: list[int] = []


@dataclass(frozen=True)
class Everything:
    """A selector that hides events of one type."""

    hidden: str = ""

    def holds(self) -> bool:
        return True

    def messages(self, events: Sequence[Event]) -> list[Message]:
        asked.append(len(events))
        return [Message(event.event_type, str(event.pk), {}) for event in events if event.event_type != self.hidden]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TICK_S", 0.02)
    asked.clear()


def record(name: str) -> Event:
    return events.record(f"test.{name}")


def names(pieces: list[bytes]) -> list[str]:
    return re.findall(r"event: test\.(\w+)", b"".join(pieces).decode())


async def started(stream: AsyncGenerator[bytes]) -> "tuple[list[bytes], asyncio.Task[None]]":
    received: list[bytes] = []
    task = asyncio.create_task(collect(stream, received))
    await until(lambda: received)
    await asyncio.sleep(0.1)
    return received, task


async def stop(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_without_a_place_the_stream_begins_now() -> None:
    record("before")

    async def test() -> None:
        received, task = await started(watch_events(Everything(), None))
        await sync_to_async(record)("after")
        await until(lambda: "after" in names(received))
        assert names(received) == ["after"]
        await stop(task)

    run(test)


def test_a_long_past_is_told_whole_and_then_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "AT_ONCE", 3)
    first = record("e0")
    for number in range(1, 12):
        record(f"e{number}")

    async def test() -> None:
        received, task = await started(watch_events(Everything(), first.pk))
        for number in range(12, 20):
            await sync_to_async(record)(f"e{number}")
        await until(lambda: "e19" in names(received))
        assert names(received) == [f"e{number}" for number in range(1, 20)]
        await stop(task)

    run(test)


def test_a_watcher_that_reads_slowly_loses_no_event() -> None:
    async def test() -> None:
        stream = watch_events(Everything(), None)
        pieces = [await anext(stream)]
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.2)
        for number in range(3 * streams.KEPT):
            await sync_to_async(record)(f"e{number}")
            await asyncio.sleep(0.03)
        pieces.append(await pending)
        while f"e{3 * streams.KEPT - 1}" not in names(pieces):
            pieces.append(await anext(stream))
        assert names(pieces) == [f"e{number}" for number in range(3 * streams.KEPT)]
        await stream.aclose()

    run(test)


def test_watchers_with_the_same_rights_share_one_selection() -> None:
    async def test() -> None:
        many = [await started(watch_events(Everything(), None)) for _ in range(5)]
        others = [await started(watch_events(Everything("test.one"), None)) for _ in range(2)]
        asked.clear()
        await sync_to_async(record)("one")
        await sync_to_async(record)("two")
        await until(lambda: all("two" in names(received) for received, _ in (*many, *others)))
        assert sum(asked) == 2 * 2  # two events, two kinds of watchers
        assert all(names(received) == ["one", "two"] for received, _ in many)
        assert all(names(received) == ["two"] for received, _ in others)
        await stop(*(task for _, task in (*many, *others)))

    run(test)


def test_an_event_that_is_committed_late_is_told_although_its_number_is_lower() -> None:
    async def test() -> None:
        late = await sync_to_async(record)("late")
        place = late.pk
        await sync_to_async(late.delete)()
        received, task = await started(watch_events(Everything(), place - 1))
        await sync_to_async(record)("first")
        await until(lambda: "first" in names(received))
        await sync_to_async(Event(pk=place, event_type="test.late").save)()
        await until(lambda: "late" in names(received))
        assert names(received) == ["first", "late"]
        await stop(task)

    run(test)
