"""The hub of live streams: one query a tick for what is watched, shared by all watchers and interfaces.

All that reads, log or database, runs in one thread with one connection. A watcher costs a coroutine: no thread, no
connection, no timer. So the event loop may be that of a process that serves nothing but streams.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

from django.apps import apps
from django.db import DatabaseError, connections

log = logging.getLogger("engine.streams")
TICK_S = 0.25
KEEP_ALIVE_S = 15.0  # proxies close a connection on which nothing comes
RIGHTS_S = 4.0  # between two questions whether watchers may still watch
UNSURE_S = 30.0  # without an answer to that question for so long, streams end
RETRY_S = 1.0  # when the database is not available
KEPT = 16  # news: a watcher that is slower reads by itself what it missed


async def in_thread[**P, R](call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run in the streams' own thread. A connection on which something failed is not used again."""

    def work() -> R:
        try:
            return call(*args, **kwargs)
        except DatabaseError:
            connections.close_all()
            raise

    return await asyncio.get_running_loop().run_in_executor(of_process().thread, work)


async def patiently[R](call: Callable[[], R]) -> R:
    """The same, again and again while the database is not available: that must not end a stream."""
    while True:
        try:
            return await in_thread(call)
        except DatabaseError as fault:
            log.warning("A stream waits for the database: %s", fault)
            await asyncio.sleep(RETRY_S)


class Permission(Hashable, Protocol):
    """Somebody's right to watch something. Of equal ones only one is asked."""

    def holds(self) -> bool:
        """Whether they still have it. Reads the database."""


class Bulletin[T]:
    """Numbered news for any number of readers; None says only that the connection lives."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: deque[T | None] = deque(maxlen=KEPT)
        self._changed = asyncio.Event()

    def publish(self, *news: T | None) -> None:
        self._kept.extend(news)
        self.count += len(news)
        self.wake()

    def wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self, seen: int) -> None:
        """Until there is more than `seen`, or until wake()."""
        if self.count == seen:
            await self._changed.wait()

    def since(self, seen: int) -> tuple[list[T | None], bool]:
        """What came after number `seen`, and whether that is all of it."""
        new = self.count - seen
        return list(self._kept)[-new:] if new else [], new <= len(self._kept)


@dataclass(eq=False)
class Watcher[T]:
    bulletin: Bulletin[T]
    permission: Permission
    allowed: bool = True


class Hub[T](ABC):
    """Everybody who watches on one event loop; works while there is somebody."""

    def __init__(self) -> None:
        self.watchers: set[Watcher[T]] = set()
        self._task: asyncio.Task[None] | None = None
        self._alive_at = self._sure_at = 0.0

    @property
    def idle(self) -> bool:
        return self._task is None

    @abstractmethod
    async def look(self) -> None:
        """Publish what is new. May raise DatabaseError."""

    @asynccontextmanager
    async def joined(self, bulletin: Bulletin[T], permission: Permission) -> AsyncIterator[Watcher[T]]:
        watcher = Watcher(bulletin, permission)
        self.watchers.add(watcher)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield watcher
        finally:
            self.watchers.discard(watcher)

    async def _run(self) -> None:
        self._alive_at = self._sure_at = time.monotonic()
        while self.watchers:
            try:
                await self.look()
                self._keep_alive()
                await self._ask_again()
            except DatabaseError as fault:
                log.warning("The streams wait for the database: %s", fault)
                self._end_if_unsure()
                await asyncio.sleep(RETRY_S)
            except Exception:
                log.exception("A look at what is watched failed; it is tried again.")
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(TICK_S)
        self._task = None  # before anything is awaited: who joins now starts the next one
        await in_thread(connections.close_all)

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if now - self._alive_at >= KEEP_ALIVE_S:
            self._alive_at = now
            for bulletin in {watcher.bulletin for watcher in self.watchers}:
                bulletin.publish(None)

    async def _ask_again(self) -> None:
        """End the streams of those who may no longer watch."""
        if time.monotonic() - self._sure_at < RIGHTS_S:
            return
        permissions = {watcher.permission for watcher in self.watchers}
        lost = await in_thread(lambda: {permission for permission in permissions if not permission.holds()})
        self._sure_at = time.monotonic()
        self._dismiss([watcher for watcher in self.watchers if watcher.permission in lost])

    def _end_if_unsure(self) -> None:
        if time.monotonic() - self._sure_at > UNSURE_S:
            self._dismiss(list(self.watchers))

    def _dismiss(self, watchers: list[Watcher[T]]) -> None:
        for watcher in watchers:
            watcher.allowed = False
        for bulletin in {watcher.bulletin for watcher in watchers}:
            bulletin.wake()


class Streams:
    """What the live streams of one process share: the thread that reads, and a hub of each class per event loop."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "engine-streams")
        self._hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[type[Hub[Any]], Hub[Any]]] = WeakKeyDictionary()

    def hub[H: Hub[Any]](self, of: type[H]) -> H:
        """The one of this loop. One that nobody watches is not used again: a new one begins at what is there now."""
        hubs = self._hubs.setdefault(asyncio.get_running_loop(), {})
        hub = cast("H | None", hubs.get(of))
        if hub is None or hub.idle:
            hub = hubs[of] = of()
        return hub


class Owner(Protocol):
    """`jobs.apps.JobsConfig`."""

    streams: Streams


def of_process() -> Streams:
    return cast(Owner, apps.get_app_config("jobs")).streams
