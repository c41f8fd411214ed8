"""The bytes of a log over HTTP: streamed in pieces by either kind of server, whole, in ranges, or one line."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from jobs.models import LogChunk, StepAttempt
from jobs.services.reading.logs import Log
from tests.factories import make_attempt, make_job, make_user
from tests.pages.logs import write_log

PIECE = 1 << 17
SIZE = 5 * PIECE
Address = Callable[[StepAttempt], str]


def api_address(attempt: StepAttempt) -> str:
    return f"/api/v1/jobs/{attempt.job.job_id}/log"


def page_address(attempt: StepAttempt) -> str:
    return f"/jobs/{attempt.job.job_id}/log/raw"


@pytest.fixture(params=[api_address, page_address], ids=["api", "page"])
def address(request: Any) -> Address:
    found: Address = request.param
    return found


@pytest.fixture
def attempt(data_dir: Any, db: None) -> StepAttempt:
    return make_attempt(make_job("completed"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pieces that were read from the log so far."""
    found: list[int] = []
    original = Log.read

    def read(self: Log, start: int, end: int) -> Iterator[bytes]:
        for piece in original(self, start, end):
            found.append(len(piece))
            yield piece

    monkeypatch.setattr(Log, "read", read)
    return found


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_gets_the_log_piece_by_piece(
    attempt: StepAttempt, address: Address, reads: list[int]
) -> None:
    write_log(attempt, [b"x" * (SIZE - 1)])

    async def first_and_rest() -> tuple[int, bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get(address(attempt))
        pieces = aiter(response.streaming_content)
        body = await anext(pieces)
        read_so_far = len(reads)
        return read_so_far, body + b"".join([piece async for piece in pieces])

    user = make_user(admin=True)
    read_so_far, body = async_to_sync(first_and_rest)()
    assert (read_so_far, len(body)) == (1, SIZE)
    assert max(reads) <= PIECE


def test_a_synchronous_server_gets_the_log_piece_by_piece(
    attempt: StepAttempt, address: Address, reads: list[int]
) -> None:
    write_log(attempt, [b"x" * (SIZE - 1)])
    client = Client()
    client.force_login(make_user(admin=True))
    response = client.get(address(attempt))
    pieces = iter(response.streaming_content)
    body = next(pieces)
    assert len(reads) == 1
    assert len(body + b"".join(pieces)) == SIZE


def ship(attempt: StepAttempt, text: bytes) -> None:
    for seq, start in enumerate(range(0, len(text), 7)):
        piece, line = text[start : start + 7], text[:start].count(b"\n") + 1
        LogChunk.objects.create(
            attempt=attempt, seq=seq, offset=start, first_line=line, line_count=piece.count(b"\n"), data=piece
        )


def test_the_copy_serves_ranges_as_the_file_does(attempt: StepAttempt, address: Address) -> None:
    text = b"first line\nsecond\nthird\n"
    ship(attempt, text)
    client = Client()
    client.force_login(make_user(admin=True))
    response = client.get(address(attempt), headers={"Range": "bytes=8-19"})
    assert (response.status_code, response.getvalue()) == (206, text[8:20])
    assert response["Content-Range"] == f"bytes 8-19/{len(text)}"
    refusal = client.get(address(attempt), headers={"Range": "bytes=500-"})
    assert (refusal.status_code, refusal["Content-Range"]) == (416, f"bytes */{len(text)}")


def test_one_line_is_had_whole_however_long_it_is(attempt: StepAttempt, address: Address) -> None:
    write_log(attempt, ["short", "y" * 9000, "last"])
    client = Client()
    client.force_login(make_user(admin=True))
    assert client.get(address(attempt), query_params={"line": "2"}).getvalue() == b"y" * 9000 + b"\n"
    assert client.get(address(attempt), query_params={"line": "77"}).getvalue() == b""
