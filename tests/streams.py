"""For tests of live streams: logs that grow, and the streams' own thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from jobs.models import Job, StepAttempt
from jobs.services.reading import streams
from jobs.services.reading.log_news import Edge, News, look_at_all


@pytest.fixture
def stream_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A thread for the streams of one test, whose connection is closed at the end."""
    executor = ThreadPoolExecutor(1)
    monkeypatch.setattr(streams.of_process(), "thread", executor)
    yield
    executor.submit(connections.close_all).result()
    executor.shutdown()


def append(attempt: StepAttempt, text: bytes) -> None:
    attempt.directory.mkdir(parents=True, exist_ok=True)
    with (attempt.directory / "output.log").open("ab") as log:
        log.write(text)


def end(attempt: StepAttempt, status: str = "completed") -> None:
    StepAttempt.objects.filter(pk=attempt.pk).update(status=status, completed_at=timezone.now())


def settle(job: Job, status: str = "completed") -> None:
    Job.objects.filter(pk=job.pk).update(status=status, finished_at=timezone.now(), summary="done")


def look(edge: Edge) -> list[News]:
    return look_at_all([edge])[0]
