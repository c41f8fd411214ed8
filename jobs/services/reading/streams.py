"""Follow what grows: the log of a job over all its attempts, and the events, for as long as somebody listens."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from jobs.models import Event, Job, StepAttempt
from jobs.services.reading import logs

log = logging.getLogger("engine.streams")
TICK_S = 0.25
STILL_THERE_S = 15.0  # a comment that keeps proxies from closing a quiet stream
LINES_AT_ONCE = 500
LIFE_S = (
    900.0  # then the listener comes again, after what it saw last: with a token that may have been revoked meanwhile
)
# Threads that look for all streams: as many connections to the database as threads, however many listen.
EXECUTOR = ThreadPoolExecutor(4, "engine-streams")


@dataclass(frozen=True)
class Message:
    """One message of a stream; with an empty `event` it only says that the stream lives."""

    event: str = ""
    id: str = ""
    data: Any = None


class LogFollower:
    """Where one reader of one job's log is: `attempt` and `line` are what it has already."""

    def __init__(self, job_pk: int, attempt: int = 0, line: int = 0) -> None:
        self.job_pk, self.attempt, self.line = job_pk, attempt, line
        self.open_line = -1  # length of a last line without an end, as it was sent

    def look(self) -> tuple[list[Message], bool]:
        """What is new, and whether this was the end. Reads, so it runs in a thread."""
        job = Job.objects.only("status", "summary", "job_id").get(pk=self.job_pk)  # before the log: nothing is missed
        found: list[Message] = []
        attempts = list(StepAttempt.objects.filter(job_id=self.job_pk, number__gte=self.attempt).order_by("number"))
        for attempt in attempts:
            if attempt.number > self.attempt:
                self.attempt, self.line = attempt.number, 0
                found.append(
                    Message(
                        "attempt",
                        f"{attempt.number}:0",
                        {"attempt": attempt.number, "tool": attempt.step_name, "status": attempt.status},
                    )
                )
            if not attempt.is_final:
                logs.note_watched(attempt)
            found += self._lines_of(attempt)
            if len(found) > 4:
                return found, False
        if job.is_settled:
            found.append(Message("end", f"{self.attempt}:{self.line}", {"status": job.status, "summary": job.summary}))
            return found, True
        return found, False

    def _lines_of(self, attempt: StepAttempt) -> list[Message]:
        found: list[Message] = []
        log = logs.open_log(attempt)
        while len(found) < 4:
            lines = log.lines(self.line + 1, LINES_AT_ONCE)
            if not attempt.is_final and lines and lines[-1].offset + len(lines[-1].raw) >= log.size:
                lines = lines[:-1]  # its end is still to come
            if not lines:
                break
            self.line = lines[-1].number
            shown = [
                {"number": line.number, "text": line.raw.decode("utf-8", "replace"), "cut": line.cut} for line in lines
            ]
            found.append(Message("lines", f"{attempt.number}:{self.line}", {"attempt": attempt.number, "lines": shown}))
        return found


async def _in_thread[**P, R](call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.get_running_loop().run_in_executor(EXECUTOR, partial(call, *args, **kwargs))


async def follow_log(job_pk: int, attempt: int = 0, line: int = 0) -> AsyncIterator[Message]:
    """Everything after `line` of `attempt`, then what comes, to the end of the job."""
    follower, spoke_at = LogFollower(job_pk, attempt, line), time.monotonic()
    until = spoke_at + LIFE_S
    while time.monotonic() < until:
        messages, ended = await _in_thread(follower.look)
        for message in messages:
            yield message
        if ended:
            return
        if messages:
            spoke_at = time.monotonic()
            continue
        if time.monotonic() - spoke_at > STILL_THERE_S:
            spoke_at = time.monotonic()
            yield Message()
        await asyncio.sleep(TICK_S)


class Hub:
    """One query a tick for all listeners of one event loop; it runs while there are any."""

    BACK = 200  # events are numbered when written and seen when committed: look again at the last ones

    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[Event | None]] = set()
        self.task: asyncio.Task[None] | None = None
        self.begun = asyncio.Event()

    async def _run(self) -> None:
        seen = deque(await _in_thread(self._last), maxlen=4 * self.BACK)
        high = max(seen, default=0)
        self.begun.set()
        while self.listeners:
            for event in await self._patiently(high):
                if event.pk not in seen:
                    seen.append(event.pk)
                    high = max(high, event.pk)
                    self._tell(event)
            await asyncio.sleep(TICK_S)

    async def _patiently(self, high: int) -> list[Event]:
        try:
            return await _in_thread(self._read, high)
        except DatabaseError as fault:  # a database that is away for a moment must not end the streams
            log.warning("the event stream waits for the database: %s", fault)
            await asyncio.sleep(1)
            return []

    def _tell(self, event: Event) -> None:
        for queue in list(self.listeners):
            if queue.full():  # a slow listener loses the oldest and is told so; the others do not wait for it
                with suppress(asyncio.QueueEmpty):
                    queue.get_nowait()
                    queue.get_nowait()
                queue.put_nowait(None)
            queue.put_nowait(event)

    def _last(self) -> list[int]:
        return list(Event.objects.order_by("-pk").values_list("pk", flat=True)[: self.BACK])

    def _read(self, high: int) -> list[Event]:
        return list(Event.objects.filter(pk__gt=high - self.BACK).order_by("pk")[:2000])

    def join(self) -> "asyncio.Queue[Event | None]":
        queue: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=1000)
        self.listeners.add(queue)
        if self.task is None or self.task.done():
            self.begun.clear()
            self.task = asyncio.get_running_loop().create_task(self._run())
        return queue

    def leave(self, queue: "asyncio.Queue[Event | None]") -> None:
        self.listeners.discard(queue)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


async def follow_events(seen: Callable[[list[int]], list[Event]], after: int | None) -> AsyncIterator[Event | None]:
    """Events after number `after` (or from now on); None when the stream only lives or has a gap.

    `seen` gives back the events, by number, that the listener may see.
    """
    hub = _hubs.setdefault(asyncio.get_running_loop(), Hub())
    queue = hub.join()
    try:
        await hub.begun.wait()  # before the past is read: nothing falls between
        told = after or 0
        if after is not None:
            for event in await _in_thread(_past, after):
                told = max(told, event.pk)
                for visible in await _in_thread(seen, [event.pk]):
                    yield visible
        until = time.monotonic() + LIFE_S
        while time.monotonic() < until:
            try:
                async with asyncio.timeout(STILL_THERE_S):
                    coming = await queue.get()
            except TimeoutError:
                yield None
                continue
            if coming is None or (after is not None and coming.pk <= told):
                continue
            for visible in await _in_thread(seen, [coming.pk]):
                yield visible
    finally:
        hub.leave(queue)


def _past(after: int) -> list[Event]:
    return list(Event.objects.filter(pk__gt=after).order_by("pk")[:5000])
