"""The hub: any number of watchers at the cost of one, and none that may no longer watch."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import OperationalError

from jobs.models import Job, StepAttempt
from jobs.services.reading import log_stream, streams
from jobs.services.reading.log_formats import JobLines, Place
from jobs.services.reading.log_stream import watch_log
from jobs.services.reading.logs import Log
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job
from tests.streams import append, end, settle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_dir", "stream_thread")]


@dataclass(eq=False)
class Granted:
    """A permission that a test can take away; counts how often it was asked."""

    given: bool = True
    asked: list[int] = field(default_factory=list)

    def holds(self) -> bool:
        self.asked.append(1)
        return self.given


@pytest.fixture
def attempt(data_dir: Any) -> StepAttempt:
    return make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of logs that each look of the hub was at."""
    counted: list[int] = []
    original = log_stream.look_at_all

    def look(edges: Any) -> Any:
        counted.append(len(edges))
        return original(edges)

    monkeypatch.setattr(log_stream, "look_at_all", look)
    return counted


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    async_to_sync(bounded)()


async def collect(stream: AsyncGenerator[bytes], into: list[bytes]) -> None:
    async for piece in stream:
        into.append(piece)


def watchers(job: Job, count: int, permission: Any) -> tuple[list[list[bytes]], list["asyncio.Task[None]"]]:
    received: list[list[bytes]] = [[] for _ in range(count)]
    tasks = [asyncio.create_task(collect(watch_log(JobLines(job.pk), Place(), permission), one)) for one in received]
    return received, tasks


def test_all_watchers_get_the_same_bytes_from_one_look_a_tick_and_one_thread(
    attempt: StepAttempt, looks: list[int]
) -> None:
    append(attempt, b"one\n")

    async def test() -> None:
        threads = threading.active_count()
        permission = Granted()
        received, tasks = watchers(attempt.job, 40, permission)
        await until(lambda: all(b"one" in b"".join(one) for one in received))
        began, so_far = time.monotonic(), len(looks)
        append(attempt, b"two\n")
        await until(lambda: all(b'"two"' in one[-1] for one in received))
        assert len(looks) - so_far <= (time.monotonic() - began) / streams.TICK_S + 2
        assert set(looks) == {1}
        assert all(one[-1] is received[0][-1] for one in received)
        assert threading.active_count() <= threads + 1
        await sync_to_async(end)(attempt)
        await sync_to_async(settle)(attempt.job)
        await asyncio.gather(*tasks)
        assert all(one[-1].startswith(b"id: 1:2\nevent: end\n") for one in received)

    run(test)


def test_watchers_who_come_together_cost_what_one_does(attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    append(attempt, b"".join(b"line %d\n" % n for n in range(1, 3001)))
    read: list[int] = []
    original = Log.lines

    def lines(self: Log, first: int, count: int) -> Any:
        read.append(first)
        return original(self, first, count)

    monkeypatch.setattr(Log, "lines", lines)

    async def test() -> None:
        received, tasks = watchers(attempt.job, 50, Granted())
        await until(lambda: all(b"line 3000" in b"".join(one) for one in received))
        assert len(read) < 20  # six windows of 500 lines, and the looks
        assert all(a is b for one in received for a, b in zip(one, received[0], strict=True))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_who_joins_while_others_are_being_caught_up_misses_no_end(attempt: StepAttempt) -> None:
    append(attempt, b"one\n")

    async def test() -> None:
        received, tasks = watchers(attempt.job, 1, Granted())
        await until(lambda: received[0])
        await sync_to_async(end)(attempt)
        await sync_to_async(settle)(attempt.job)
        more, later = watchers(attempt.job, 5, Granted())
        await asyncio.gather(*tasks, *later)
        assert all(one[-1].endswith(b"\n\n") and b"event: end" in one[-1] for one in (*received, *more))

    run(test)


def test_a_watcher_that_reads_slowly_loses_no_line(attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TICK_S", 0.01)
    numbers: list[int] = []

    async def test() -> None:
        stream = watch_log(JobLines(attempt.job_id), Place(), Granted())
        pieces = [await anext(stream)]
        for number in range(1, 101):
            append(attempt, b"line %d\n" % number)
            await asyncio.sleep(0.02)
        await sync_to_async(end)(attempt)
        await sync_to_async(settle)(attempt.job)
        pieces += [piece async for piece in stream]
        text = b"".join(pieces).decode()
        numbers.extend(int(word.partition('"')[0]) for word in text.split('"text": "line ')[1:])

    run(test)
    assert numbers == list(range(1, 101))


def test_a_stream_ends_when_its_permission_does_and_others_go_on(
    attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RIGHTS_S", 0.1)

    async def test() -> None:
        taken, kept = Granted(), Granted()
        _, of_taken = watchers(attempt.job, 3, taken)
        received, of_kept = watchers(attempt.job, 1, kept)
        await until(lambda: taken.asked and kept.asked)
        assert not any(task.done() for task in (*of_taken, *of_kept))
        taken.given = False
        await until(lambda: all(task.done() for task in of_taken))
        append(attempt, b"still here\n")
        await until(lambda: b"still here" in received[0][-1])
        of_kept[0].cancel()
        await asyncio.gather(*of_kept, return_exceptions=True)

    run(test)


def test_one_question_is_asked_for_all_with_the_same_permission(
    attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RIGHTS_S", 0.2)

    async def test() -> None:
        permission = Granted()
        _, tasks = watchers(attempt.job, 30, permission)
        await until(lambda: permission.asked)
        await asyncio.sleep(0.5)
        assert len(permission.asked) <= 5
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_the_limit_for_the_end_of_a_right_is_under_ten_seconds() -> None:
    assert streams.RIGHTS_S + 2 * streams.TICK_S < 10


def test_a_database_that_is_away_for_a_moment_ends_no_stream(
    attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RETRY_S", 0.05)
    failures = iter([OperationalError("away")] * 3)
    original = log_stream.look_at_all

    def look(edges: Any) -> Any:
        for failure in failures:
            raise failure
        return original(edges)

    monkeypatch.setattr(log_stream, "look_at_all", look)

    async def test() -> None:
        received, tasks = watchers(attempt.job, 1, Granted())
        await until(lambda: received[0])
        append(attempt, b"here again\n")
        await until(lambda: b"here again" in received[0][-1])
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_streams_end_where_nobody_can_say_any_longer_who_may_watch(
    attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RETRY_S", 0.05)
    monkeypatch.setattr(streams, "UNSURE_S", 0.3)

    async def test() -> None:
        _, tasks = watchers(attempt.job, 2, Granted())
        await asyncio.sleep(0.2)

        def look(edges: Any) -> Any:
            raise OperationalError("away")

        monkeypatch.setattr(log_stream, "look_at_all", look)
        await until(lambda: all(task.done() for task in tasks))

    run(test)


def test_a_quiet_stream_says_that_it_lives(attempt: StepAttempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_S", 0.1)

    async def test() -> None:
        received, tasks = watchers(attempt.job, 2, Granted())
        await until(lambda: all(one.count(b": keep-alive\n\n") > 1 for one in received))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_the_hub_rests_when_nobody_watches_and_works_again_for_the_next(
    attempt: StepAttempt, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "TICK_S", 0.02)

    async def test() -> None:
        for text in (b"first\n", b"second\n"):
            received, tasks = watchers(attempt.job, 1, Granted())
            append(attempt, text)
            await until(lambda: text in b"".join(received[0]).replace(b'"', b"\n"))  # noqa: B023
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.1)
            rested = len(looks)
            await asyncio.sleep(0.1)
            assert len(looks) == rested

    run(test)
