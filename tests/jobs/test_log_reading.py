"""An attempt's log from its file and from the shipped copy: the same bytes, lines and times."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.process.keeper.log.writer import LogWriter
from jobs.models import LogChunk, StepAttempt
from jobs.services.execution.log_shipping import LogCopy, ship
from jobs.services.reading.logs import NoSuchRange, byte_range, open_log
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job

LONG = b"x" * 30_000
PIECES = [b"one\ntwo\n", LONG + b"\n", b"after", b" all\nprogress 1\rprogress 2\n", b"\xff not utf-8\nno end"]
TEXT = b"".join(PIECES)


def write_and_ship(attempt: StepAttempt, pieces: list[bytes] = PIECES) -> None:
    attempt.directory.mkdir(parents=True)
    writer = LogWriter({"attempt_dir": str(attempt.directory), "max_log_bytes": 10**9})
    copy = LogCopy(attempt)
    for number, piece in enumerate(pieces):
        writer.write(piece, float(number))
        ship([copy])
    writer.close()


@pytest.fixture
def attempt(data_dir: Path, db: None) -> StepAttempt:
    found = make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)
    write_and_ship(found)
    return found


def lose_the_file(attempt: StepAttempt) -> None:
    for path in attempt.directory.iterdir():
        path.unlink()


def test_the_copy_gives_the_same_lines_and_times_as_the_file(attempt: StepAttempt) -> None:
    file = open_log(attempt)
    lines, total, whole = file.lines(1, 100), file.lines_total, file.lines_whole
    lose_the_file(attempt)
    copy = open_log(attempt)
    assert (file.local, copy.local) == (True, False)
    assert (copy.lines(1, 100), copy.lines_total, copy.lines_whole) == (lines, total, whole)
    assert all(line.time for line in lines)
    assert lines[0].time != lines[-1].time
    assert [copy.lines(number, 1)[0] for number in range(1, total + 1)] == lines


@pytest.mark.parametrize("copied", [False, True])
def test_any_range_of_bytes_is_read(attempt: StepAttempt, copied: bool) -> None:
    if copied:
        lose_the_file(attempt)
    log = open_log(attempt)
    for start, end in [(0, len(TEXT)), (0, 1), (5, 5), (3, 20_000), (16_384, 16_385), (len(TEXT) - 3, len(TEXT))]:
        assert b"".join(log.read(start, end)) == TEXT[start:end]


def test_a_range_of_the_copy_reads_only_the_chunks_that_hold_it(attempt: StepAttempt) -> None:
    lose_the_file(attempt)
    last = LogChunk.objects.filter(attempt=attempt).latest("seq")
    LogChunk.objects.filter(attempt=attempt).exclude(pk=last.pk).delete()
    log = open_log(attempt)
    assert b"".join(log.read(last.offset, log.size)) == TEXT[last.offset :]
    assert log.lines(last.first_line + 1, 1)[0].raw == b"no end"


@pytest.mark.parametrize("copied", [False, True])
def test_the_place_of_a_whole_line_is_known_however_long_it_is(attempt: StepAttempt, copied: bool) -> None:
    if copied:
        lose_the_file(attempt)
    log = open_log(attempt)
    assert [b"".join(log.read(*log.span(number))) for number in (1, 3, 7)] == [b"one\n", LONG + b"\n", b"no end"]
    assert log.span(99) == (len(TEXT), len(TEXT))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", None),
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=20-5000", (20, 100)),
        ("BYTES=1-2", (1, 3)),
        (" bytes=1-2 ", (1, 3)),
        ("bytes=-", None),
        ("bytes=7-3", None),  # not a range at all, says RFC 9110: the whole is sent
        ("bytes=1-2,5-6", None),
        ("lines=1-2", None),
        ("bytes=1e3-", None),
    ],
)
def test_a_range_header_names_bytes_or_means_everything(header: str, found: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == found


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_without_bytes_is_refused(header: str) -> None:
    with pytest.raises(NoSuchRange):
        byte_range(header, 100)


@given(st.text(alphabet="bytes=-0123456789, ", max_size=30), st.integers(0, 10**6))
def test_no_range_header_leads_out_of_the_log(header: str, size: int) -> None:
    try:
        found = byte_range(header, size)
    except NoSuchRange:
        return
    assert found is None or 0 <= found[0] < found[1] <= size
