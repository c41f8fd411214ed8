"""The live stream of a job's log: all watchers of one job share each look, each batch and its encoding."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from jobs.services.reading.log_formats import LogFormat, Place, Told
from jobs.services.reading.log_news import Edge, News, look_at_all
from jobs.services.reading.sse import KEEP_ALIVE, OPENING
from jobs.services.reading.streams import Bulletin, Hub, Permission, in_thread, of_process, patiently


class Channel:
    """One watched job."""

    def __init__(self, job_pk: int) -> None:
        self.edge = Edge(job_pk)
        self.bulletin: Bulletin[News] = Bulletin()
        self._reading: dict[tuple[LogFormat, Place], tuple[int, asyncio.Future[Told]]] = {}

    async def missed(self, form: LogFormat, place: Place) -> tuple[int, Told]:
        """What was written and not told, and the number of the news from which on the rest comes.

        Read once for all who ask for the same while it is being read: a thousand watchers that come at once, after the
        server was started again, cost what one does.
        """
        key = (form, place)
        if key not in self._reading:
            task = asyncio.ensure_future(patiently(partial(form.missed, place)))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
            self._reading[key] = self.bulletin.count, task  # counted before it is read: nothing falls between
        seen, reading = self._reading[key]
        return seen, await asyncio.shield(reading)


class LogHub(Hub[News]):
    def __init__(self) -> None:
        super().__init__()
        self._channels: dict[int, Channel] = {}

    def channel(self, job_pk: int) -> Channel:
        """The first watcher of a job opens it; the look that finds no more of them closes it."""
        return self._channels.setdefault(job_pk, Channel(job_pk))

    async def look(self) -> None:
        watched = {watcher.bulletin for watcher in self.watchers}
        self._channels = {pk: channel for pk, channel in self._channels.items() if channel.bulletin in watched}
        channels = list(self._channels.values())
        found = await in_thread(look_at_all, [channel.edge for channel in channels])
        for channel, news in zip(channels, found, strict=True):
            if news:
                channel.bulletin.publish(*news)


async def watch_log(form: LogFormat, place: Place, permission: Permission) -> AsyncGenerator[bytes]:
    """What one watcher is sent: what was written before, then what comes, to the end or until its right ends."""
    hub = of_process().hub(LogHub)
    channel = hub.channel(form.job_pk)
    async with hub.joined(channel.bulletin, permission) as watcher:
        yield OPENING
        seen, behind = 0, True
        while watcher.allowed and not place.ended:
            if behind:
                seen, told = await channel.missed(form, place)
                place, behind = told.place, not told.complete
                if told.messages:
                    yield told.encoded
                continue
            await channel.bulletin.wait(seen)
            fresh, _ = channel.bulletin.since(seen)  # what is missing shows in the numbers of the lines
            seen = channel.bulletin.count
            for news in fresh if watcher.allowed else ():
                if news is None:
                    yield KEEP_ALIVE
                    continue
                known = news.once((form, place), partial(form.news, place, news))
                if known is None:
                    behind = True  # the log itself has this news and what comes after it
                    break
                place = known.place
                if known.messages:
                    yield known.encoded
