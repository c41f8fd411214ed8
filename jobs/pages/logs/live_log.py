"""The live log: one hub per process looks at each watched log once a tick, for all its viewers.

A viewer that reads slower than the log grows loses nothing but rows: a gap row takes their place and loads them on
click. The id of a message is the last line in it, so a reconnect goes on exactly there.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from jobs.access import Actor
from jobs.errors import NotAllowed, NotFound
from jobs.models import StepAttempt
from jobs.pages.logs.log_viewer import number, part_url
from jobs.pages.shared.log_lines import LogRow, content, row_html, rows_of
from jobs.services.reading.logs import note_watched, open_log

TICK_S = 0.25  # at most four messages a second
ROWS = 200  # and at most so many rows in one
QUIET_S = 15.0  # a comment now and then finds dead connections
BACKLOG = 32  # messages that a slow viewer may be behind
STATUS_EVERY = 4  # ticks between looks at the attempt's state
# One thread for all looks: one database connection, and a slow disk never takes the threads of pages.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-hub")


@dataclass(frozen=True)
class News:
    first: int  # lines first..last are in `html`
    last: int
    html: str
    pending: str = ""  # the text of a line that has no end yet
    end: bool = False


@dataclass
class Channel:
    attempt: StepAttempt
    at: int = 0  # last whole line that was told
    size: int = -1
    looks: int = 0
    viewers: set["asyncio.Queue[News]"] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None

    def look(self) -> News | None:
        """In the hub's thread: what is new since the last look."""
        self.looks += 1
        done = self.looks % STATUS_EVERY == 0 and self._has_ended()
        log = open_log(self.attempt)
        if log.size == self.size and not done:
            return None
        self.size = log.size
        whole = log.lines_total if done else log.lines_whole
        first = max(self.at + 1, whole - ROWS + 1)
        html = "".join(map(row_html, rows_of(log, log.lines(first, whole - first + 1)))) if whole > self.at else ""
        pending = "" if done else self._pending(log.lines_total, whole)
        self.at = max(self.at, whole)
        return News(first, self.at, html, pending, done)

    def _pending(self, total: int, whole: int) -> str:
        if total <= whole:
            return ""
        found = open_log(self.attempt).lines(whole + 1, 1)
        return content(LogRow(self.attempt, found[0])) if found else ""

    def _has_ended(self) -> bool:
        close_old_connections()
        self.attempt.refresh_from_db(fields=["status", "completed_at", "watched_until", "log_dir"])
        if self.attempt.completed_at is None:
            note_watched(self.attempt)
            return False
        return True

    def tell(self, news: News) -> None:
        for queue in self.viewers:
            if queue.full():
                queue.get_nowait()  # it will see the hole in the numbers and show a gap
            queue.put_nowait(news)


class Hub:
    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}

    @contextlib.asynccontextmanager
    async def watch(self, attempt: StepAttempt, last: int) -> "AsyncIterator[tuple[Channel, asyncio.Queue[News]]]":
        """Join the channel of the attempt; the first viewer opens it, the last one closes it."""
        channel = self.channels.get(attempt.pk)
        if channel is None:
            channel = self.channels[attempt.pk] = Channel(attempt, at=last)
        queue: asyncio.Queue[News] = asyncio.Queue(BACKLOG)
        channel.viewers.add(queue)
        if channel.task is None or channel.task.done():
            channel.task = asyncio.create_task(self._run(channel))
        try:
            yield channel, queue
        finally:
            channel.viewers.discard(queue)
            if not channel.viewers:
                self.channels.pop(attempt.pk, None)
                channel.task.cancel()

    async def _run(self, channel: Channel) -> None:
        while True:
            news = await in_thread(channel.look)
            if news is not None:
                channel.tell(news)
                if news.end:
                    return
            await asyncio.sleep(TICK_S)


hub = Hub()


async def in_thread[T](call: Callable[..., T], *args: object) -> T:
    return await sync_to_async(call, thread_sensitive=False, executor=_thread)(*args)


@require_GET
async def log_stream(request: HttpRequest, job_id: str) -> HttpResponseBase:
    user = await request.auser()
    if not user.is_authenticated or not settings.ENGINE_STREAMS:
        return HttpResponse(status=403 if not user.is_authenticated else 404)
    attempt = await sync_to_async(_attempt)(user, job_id, number(request.GET.get("attempt"), 0))
    told = request.headers.get("Last-Event-ID") or request.GET.get("from")
    answer = StreamingHttpResponse(_messages(attempt, number(told, 0)), content_type="text/event-stream")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"
    answer["Content-Encoding"] = "identity"  # compressing would hold messages back
    return answer


def _attempt(user: User, job_id: str, wanted: int) -> StepAttempt:
    actor = Actor(user)
    try:
        actor.require("read")
        job = actor.job(job_id)
    except (NotFound, NotAllowed):
        raise Http404 from None
    rows = job.attempts.order_by("-number")
    attempt = (rows.filter(number=wanted) if wanted else rows).first()
    if attempt is None:
        raise Http404
    attempt.job = job
    return attempt


async def _messages(attempt: StepAttempt, last: int) -> AsyncIterator[bytes]:
    """What one viewer gets: what it has missed, then what comes."""
    yield b"retry: 1000\n\n"
    async with hub.watch(attempt, last) as (channel, queue):
        missed = await in_thread(_catch_up, attempt, last, channel.at)
        if missed:
            yield missed.encode()
            last = max(last, channel.at)
        while True:
            try:
                news = await asyncio.wait_for(queue.get(), QUIET_S)
            except TimeoutError:
                yield b": quiet\n\n"
                continue
            text, last = _message(attempt, news, last)
            if text:
                yield text.encode()
            if news.end:
                yield b"event: end\ndata: end\n\n"
                return


def _catch_up(attempt: StepAttempt, last: int, to: int) -> str:
    """Lines after `last` that the channel told before this viewer came."""
    if to <= last:
        return ""
    close_old_connections()
    first = max(last + 1, to - ROWS + 1)
    log = open_log(attempt)
    html = "".join(map(row_html, rows_of(log, log.lines(first, to - first + 1))))
    return _sse(_gap(attempt, last + 1, first - 1) + html, to)


def _message(attempt: StepAttempt, news: News, last: int) -> tuple[str, int]:
    if news.last <= last and not news.pending and not news.end:
        return "", last
    html = ""
    if news.last > last:
        html = _gap(attempt, last + 1, news.first - 1) + _after(news, last)
    pending = f"<li><code>{news.pending}</code></li>" if news.pending else ""
    html += f'<hx-partial hx-target="#log-now" hx-swap="innerHTML">{pending}</hx-partial>'
    return _sse(html, max(last, news.last)), max(last, news.last)


def _after(news: News, last: int) -> str:
    """The rows of the message that the viewer does not have yet."""
    if news.first > last:
        return news.html
    at = news.html.find(f'<li id="L{last + 1}"')
    return news.html[at:] if at >= 0 else ""


def _gap(attempt: StepAttempt, first: int, to: int) -> str:
    if to < first:
        return ""
    return render_to_string(
        "jobs/_log_gap.html",
        {"first": first, "to": to, "count": to - first + 1, "parts": part_url(attempt.job, attempt)},
    )


def _sse(html: str, last: int) -> str:
    data = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {last}\n{data}\n"
