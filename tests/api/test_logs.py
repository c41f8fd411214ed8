import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient

from jobs.models import Job, LogChunk, StepAttempt
from jobs.services.core import events
from jobs.states import AttemptStatus, JobStatus
from tests.api.conftest import Api
from tests.factories import make_attempt, make_job

LINES = [f"line {number}" for number in range(1, 101)]
TEXT = ("\n".join(LINES) + "\n").encode()


def with_log(data_dir: Path, text: bytes = TEXT, status: str = AttemptStatus.COMPLETED) -> Job:
    job = make_job(JobStatus.COMPLETED if status == AttemptStatus.COMPLETED else JobStatus.RUNNING)
    attempt = make_attempt(job, status)
    attempt.directory.mkdir(parents=True)
    (attempt.directory / "output.log").write_bytes(text)
    return job


@pytest.fixture(params=["file", "copy"])
def job(request: Any, data_dir: Path, db: None) -> Job:
    """One log in both of the places it can be in."""
    found = with_log(data_dir)
    if request.param == "copy":
        attempt = StepAttempt.objects.get()
        (attempt.directory / "output.log").unlink()
        line, offset = 1, 0
        for seq, start in enumerate(range(0, len(TEXT), 100)):
            piece = TEXT[start : start + 100]
            LogChunk.objects.create(
                attempt=attempt, seq=seq, offset=offset, first_line=line, line_count=piece.count(b"\n"), data=piece
            )
            line, offset = line + piece.count(b"\n"), offset + len(piece)
    return found


def test_the_log_comes_byte_for_byte(api: Api, job: Job) -> None:
    response = api.get(f"/jobs/{job.job_id}/log")
    assert response.getvalue() == TEXT
    assert response["Content-Length"] == str(len(TEXT))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("0-0", 0, 1),
        ("5-", 5, len(TEXT)),
        ("-7", len(TEXT) - 7, len(TEXT)),
        ("95-205", 95, 206),
        ("0-99999", 0, len(TEXT)),
    ],
)
def test_a_range_of_bytes_is_that_range(api: Api, job: Job, asked: str, start: int, end: int) -> None:
    response = api.client.get(f"/api/v1/jobs/{job.job_id}/log", headers={"Range": f"bytes={asked}"})
    assert (response.status_code, response.getvalue()) == (206, TEXT[start:end])
    assert response["Content-Range"] == f"bytes {start}-{end - 1}/{len(TEXT)}"


def test_a_range_beyond_the_log_is_a_416(api: Api, job: Job) -> None:
    response = api.client.get(f"/api/v1/jobs/{job.job_id}/log", headers={"Range": "bytes=5000-"})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(TEXT)}")


def test_lines_come_by_number_and_the_last_ones_without(api: Api, job: Job) -> None:
    window = api.get(f"/jobs/{job.job_id}/log/lines", first=40, count=3).json()
    assert [(line["number"], line["text"]) for line in window["lines"]] == [(n, f"line {n}") for n in (40, 41, 42)]
    assert (window["lines_total"], window["bytes_total"], window["complete"]) == (100, len(TEXT), True)
    assert api.get(f"/jobs/{job.job_id}/log/lines", count=1).json()["lines"][0]["text"] == "line 100"


def test_a_search_counts_all_and_shows_the_first(api: Api, job: Job) -> None:
    found = api.get(f"/jobs/{job.job_id}/log/search", q="line 1", limit=2).json()
    assert (found["total"], [hit["number"] for hit in found["hits"]]) == (12, [1, 10])
    assert api.get(f"/jobs/{job.job_id}/log/search", q="line [35]0$", regex=True).json()["total"] == 2
    assert api.get(f"/jobs/{job.job_id}/log/search", q="(", regex=True).status_code == 422


def test_a_job_without_attempts_has_no_log(api: Api, job: Job) -> None:
    assert api.get(f"/jobs/{make_job().job_id}/log").status_code == 404
    assert api.get(f"/jobs/{job.job_id}/log", attempt=2).status_code == 404


def messages(raw: bytes) -> list[tuple[str, str, Any]]:
    found = []
    for block in raw.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


@pytest.mark.usefixtures("stream_thread")
@pytest.mark.django_db(transaction=True)
def test_a_stream_gives_all_lines_and_resumes_after_the_last_one_seen(data_dir: Path, make_api: Any) -> None:
    api, job = make_api(), with_log(data_dir)

    async def read(**headers: str) -> list[tuple[str, str, Any]]:
        response = await AsyncClient().get(
            f"/api/v1/jobs/{job.job_id}/log/stream", headers={"Authorization": f"Bearer {api.secret}", **headers}
        )
        assert response["Content-Type"] == "text/event-stream"
        return messages(b"".join([piece async for piece in response.streaming_content]))

    told = async_to_sync(read)()
    assert [kind for _, kind, _ in told] == ["attempt", "lines", "end"]
    assert [line["text"] for line in told[1][2]["lines"]] == LINES
    again = async_to_sync(read)(**{"Last-Event-ID": "1:60"})
    assert [line["number"] for line in again[0][2]["lines"]] == list(range(61, 101))
    assert again[-1][2]["status"] == "completed"


@pytest.mark.usefixtures("stream_thread")
@pytest.mark.django_db(transaction=True)
def test_the_event_stream_tells_what_happens_from_the_event_named_on(make_api: Any) -> None:
    api, job = make_api(), make_job()
    first = events.record("job.one", job=job)

    async def read() -> list[tuple[str, str, Any]]:
        response = await AsyncClient().get(
            "/api/v1/events/stream",
            headers={"Authorization": f"Bearer {api.secret}", "Last-Event-ID": str(first.pk - 1)},
        )
        seen = b""
        async for piece in response.streaming_content:
            seen += piece
            if b"job.one" in piece:
                await sync_to_async(events.record)("job.two", job=job)
            if b"job.two" in piece:
                return messages(seen)
        return []

    told = async_to_sync(asyncio.wait_for)(read(), 10)
    assert [(kind, data["job_id"]) for _, kind, data in told] == [("job.one", job.job_id), ("job.two", job.job_id)]
