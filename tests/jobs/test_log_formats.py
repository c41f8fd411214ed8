"""What watchers of a log are told: every line once and in order, whenever they come and however fast it grows."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.models import Job, LogChunk, StepAttempt
from jobs.services.reading.log_formats import JobLines, Place, Told
from jobs.services.reading.log_news import WINDOW_LINES, Edge, News
from jobs.services.reading.logs import Log
from jobs.services.reading.sse import Message
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job
from tests.streams import append, end, look, settle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def running() -> tuple[Job, StepAttempt]:
    job = make_job(JobStatus.RUNNING)
    return job, make_attempt(job, AttemptStatus.RUNNING)


class Listener:
    """A watcher that takes all news at once, as the stream lets it."""

    def __init__(self, job: Job, attempt: int = 0, line: int = 0) -> None:
        self.form, self.place = JobLines(job.pk), Place(attempt, line)
        self.messages: list[Message] = []
        self.catch_up()

    def catch_up(self) -> None:
        complete = False
        while not complete and not self.place.ended:
            complete = self.take(self.form.missed(self.place))

    def hear(self, news: Iterable[News]) -> None:
        for one in news:
            told = self.form.news(self.place, one)
            if told is None:
                self.catch_up()
                return
            self.take(told)

    def take(self, told: Told) -> bool:
        self.messages += told.messages
        self.place = told.place
        return told.complete

    @property
    def lines(self) -> list[tuple[int, int, str]]:
        """(attempt, number, text)"""
        return [
            (message.data["attempt"], line["number"], line["text"])
            for message in self.messages
            if message.event == "lines"
            for line in message.data["lines"]
        ]

    @property
    def events(self) -> list[str]:
        return [message.event for message in self.messages]


def test_a_watcher_is_told_the_past_and_then_what_comes() -> None:
    job, attempt = running()
    append(attempt, b"one\ntwo\nhalf")
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    append(attempt, b" and half\nfour\n")
    listener.hear(look(edge))
    assert listener.events == ["attempt", "lines", "lines"]
    assert listener.lines == [(1, 1, "one"), (1, 2, "two"), (1, 3, "half and half"), (1, 4, "four")]
    assert listener.messages[-1].id == "1:4"


def test_a_line_without_end_is_told_when_the_attempt_ends_and_the_end_when_the_job_does() -> None:
    job, attempt = running()
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    append(attempt, b"half")
    listener.hear(look(edge))
    assert listener.lines == []
    end(attempt)
    listener.hear(look(edge))
    assert listener.lines == [(1, 1, "half")]
    settle(job)
    listener.hear(look(edge))
    assert listener.events[-1] == "end"
    assert listener.messages[-1].data == {"status": "completed", "summary": "done"}
    assert listener.place.ended


def test_later_attempts_follow_and_nothing_of_the_earlier_one_is_missing() -> None:
    job, first = running()
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    append(first, b"one\nlast words")
    end(first, "failed")
    second = make_attempt(job, AttemptStatus.RUNNING)
    append(second, b"again\n")
    listener.hear(look(edge))
    append(second, b"fine\n")
    listener.hear(look(edge))
    assert listener.lines == [(1, 1, "one"), (1, 2, "last words"), (2, 1, "again"), (2, 2, "fine")]
    assert listener.events.count("attempt") == 2


def test_a_job_that_is_cancelled_before_it_starts_ends_the_stream() -> None:
    job = make_job(JobStatus.QUEUED)
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    settle(job, "cancelled")
    listener.hear(look(edge))
    assert listener.events == ["end"]


def test_an_attempt_that_begins_while_somebody_watches_is_told_from_its_first_line() -> None:
    job = make_job(JobStatus.QUEUED)
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    attempt = make_attempt(job, AttemptStatus.RUNNING)
    append(attempt, b"one\n")
    listener.hear(look(edge))
    append(attempt, b"two\n")
    listener.hear(look(edge))
    assert listener.lines == [(1, 1, "one"), (1, 2, "two")]


@pytest.mark.parametrize(
    ("attempt", "line", "told"), [(1, 60, 0), (1, 99, 39), (1, 100, 40), (2, 0, 40), (2, 7, 47), (2, 10, 50)]
)
def test_a_reconnect_goes_on_after_the_place_that_it_names(attempt: int, line: int, told: int) -> None:
    job, first = running()
    append(first, b"".join(b"a%d\n" % n for n in range(1, 101)))
    end(first, "failed")
    append(make_attempt(job, AttemptStatus.RUNNING), b"".join(b"b%d\n" % n for n in range(1, 11)))
    wanted = [(1, n, f"a{n}") for n in range(61, 101)] + [(2, n, f"b{n}") for n in range(1, 11)]
    assert Listener(job, attempt, line).lines == wanted[told:]


def test_a_burst_reaches_every_watcher_whole() -> None:
    job, attempt = running()
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    append(attempt, b"".join(b"line %d\n" % n for n in range(1, 5_001)))
    news = look(edge)
    assert len(news[0].lines) == WINDOW_LINES
    listener.hear(news)
    append(attempt, b"more\n")
    listener.hear(look(edge))
    assert [number for _, number, _ in listener.lines] == list(range(1, 5_002))


def test_a_look_that_finds_nothing_new_is_no_news() -> None:
    job, attempt = running()
    append(attempt, b"one\n")
    edge = Edge(job.pk)
    assert len(look(edge)) == 1
    assert look(edge) == []
    settle(job)
    assert [bool(news.job_end) for news in look(edge)] == [True]
    assert look(edge) == []


def test_a_copy_is_followed_as_a_file_is() -> None:
    job, attempt = running()
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    text = b"one\ntwo and a half\nthree\nfour"
    for seq, start in enumerate(range(0, len(text), 5)):
        piece = text[start : start + 5]
        first_line = text[:start].count(b"\n") + 1
        LogChunk.objects.create(
            attempt=attempt, seq=seq, offset=start, first_line=first_line, line_count=piece.count(b"\n"), data=piece
        )
        listener.hear(look(edge))
    end(attempt)
    listener.hear(look(edge))
    assert [text for _, _, text in listener.lines] == ["one", "two and a half", "three", "four"]


def test_a_log_that_is_removed_ends_no_stream(data_dir: Path) -> None:
    job, attempt = running()
    append(attempt, b"one\ntwo\n")
    edge, listener = Edge(job.pk), Listener(job)
    listener.hear(look(edge))
    (attempt.directory / "output.log").unlink()
    listener.hear(look(edge))
    append(attempt, b"one\ntwo\nthree\n")
    listener.hear(look(edge))
    assert [text for _, _, text in listener.lines] == ["one", "two", "three"]


def test_a_long_line_that_grows_is_not_read_again_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    job, attempt = running()
    edge = Edge(job.pk)
    append(attempt, b"x" * 3_000_000)
    look(edge)
    read: list[int] = []
    original = Log.read

    def read_and_count(self: Log, start: int, stop: int) -> Iterator[bytes]:
        for piece in original(self, start, stop):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(Log, "read", read_and_count)
    append(attempt, b"y" * 1000)
    news = look(edge)
    assert news[0].pending is not None
    assert sum(read) < 300_000


def test_windows_end_at_the_same_lines_for_watchers_who_began_in_different_places() -> None:
    job, attempt = running()
    append(attempt, b"".join(b"line %d\n" % n for n in range(1, 10_001)))
    first, second = (JobLines(job.pk).missed(Place(1, line)) for line in (3, 77))
    assert first.place == second.place
    assert [message.id for message in first.messages] == ["1:500", "1:1000", "1:1500", "1:2000"]


PIECES = st.lists(
    st.one_of(st.sampled_from([b"a", b"b\n", b"\n", b"c\nd\n", b"e" * 5000, b"\r\n"]), st.just(None)), max_size=25
)


@hypothesis_settings(max_examples=25)
@given(PIECES, st.integers(0, 20), st.integers(1, 3))
def test_every_line_is_told_once_whenever_a_watcher_comes(pieces: list[bytes | None], joins: int, skip: int) -> None:
    job, attempt = running()
    edge, listener, wanted = Edge(job.pk), None, b""
    look(edge)
    for number, piece in enumerate(pieces):
        if number == joins:
            listener = Listener(job)
        if piece is not None:
            append(attempt, piece)
            wanted += piece
        news = look(edge)
        if listener and number % skip == 0:
            listener.hear(news)
    end(attempt)
    settle(job)
    listener = listener or Listener(job)
    listener.hear(look(edge))
    lines = [line.removesuffix(b"\r") for line in wanted.split(b"\n")[:-1]] + [
        rest for rest in [wanted.rpartition(b"\n")[2]] if rest
    ]
    assert [text for _, _, text in listener.lines] == [line[:4096].decode().rpartition("\r")[2] for line in lines]
    assert listener.events[-1] == "end"
