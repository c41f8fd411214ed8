"""The live log's messages: no line lost, none repeated, a hole is shown as one."""

import re

import pytest

from jobs.models import StepAttempt
from jobs.pages.logs.live_log import END, ROWS, AttemptRows
from jobs.services.reading.log_formats import Place
from jobs.services.reading.log_news import Edge, News
from jobs.services.reading.sse import Message
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job
from tests.pages.logs import write_log
from tests.streams import append, end, look

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def attempt() -> StepAttempt:
    return make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)


@pytest.fixture
def edge(attempt: StepAttempt) -> Edge:
    """After its first look, which finds the log empty."""
    found = Edge(attempt.job_id)
    look(found)
    return found


class Viewer:
    def __init__(self, attempt: StepAttempt, line: int = 0) -> None:
        self.form, self.place = AttemptRows(attempt), Place(attempt.number, line)

    def hear(self, news: list[News]) -> list[Message]:
        found: list[Message] = []
        for one in news:
            told = self.form.news(self.place, one)
            assert told is not None
            self.place = told.place
            found += told.messages
        return found

    def catch_up(self) -> list[Message]:
        told = self.form.missed(self.place)
        self.place = told.place
        return list(told.messages)


def numbers(messages: list[Message]) -> list[int]:
    return [int(n) for message in messages for n in re.findall(r'<li id="L(\d+)"', message.data)]


def test_news_are_rows_once_and_a_line_without_end_stands_apart(attempt: StepAttempt, edge: Edge) -> None:
    viewer = Viewer(attempt)
    append(attempt, b"one\ntwo\n")
    assert numbers(viewer.hear(look(edge))) == [1, 2]
    assert look(edge) == []
    append(attempt, b"three\nfo")
    messages = viewer.hear(look(edge))
    assert (numbers(messages), messages[0].id) == ([3], "3")
    assert '<hx-partial hx-target="#log-now" hx-swap="innerHTML"><li><code>fo</code></li></hx-partial>' in (
        messages[0].data
    )


def test_a_progress_bar_is_shown_in_its_last_state_while_it_grows(attempt: StepAttempt, edge: Edge) -> None:
    viewer = Viewer(attempt)
    append(attempt, b"".join(b"\rdownload %d/9000 [####]" % n for n in range(1, 2001)))
    assert "<li><code>download 2000/9000 [####]</code></li>" in viewer.hear(look(edge))[0].data
    append(attempt, b"\rdownload 2001/9000 [####]")
    assert "<li><code>download 2001/9000 [####]</code></li>" in viewer.hear(look(edge))[0].data


def test_a_burst_is_told_by_its_end_and_a_gap(attempt: StepAttempt, edge: Edge) -> None:
    viewer = Viewer(attempt)
    append(attempt, b"".join(b"line %d\n" % n for n in range(1, 1001)))
    messages = viewer.hear(look(edge))
    assert numbers(messages) == list(range(1001 - ROWS, 1001))
    assert "800 lines skipped" in messages[0].data
    assert f"from=1&amp;to={1000 - ROWS}" in messages[0].data


def test_a_viewer_gets_only_what_it_does_not_have(attempt: StepAttempt, edge: Edge) -> None:
    append(attempt, b"".join(b"line %d\n" % n for n in range(1, 11)))
    news = look(edge)
    assert numbers(Viewer(attempt, 7).hear(news)) == [8, 9, 10]
    assert Viewer(attempt, 10).hear(news) == []


def test_a_reconnect_goes_on_after_the_last_line_it_was_told(attempt: StepAttempt) -> None:
    write_log(attempt, [f"line {n}" for n in range(1, 51)])
    viewer = Viewer(attempt, 42)
    messages = viewer.catch_up()
    assert numbers(messages) == list(range(43, 51))
    assert messages[0].encoded.startswith(b"id: 50\ndata: <li")
    assert viewer.catch_up() == []


def test_few_lines_that_were_missed_are_read_and_not_left_out(attempt: StepAttempt, edge: Edge) -> None:
    viewer = Viewer(attempt)
    append(attempt, b"one\n")
    look(edge)  # missed
    append(attempt, b"two\n")
    assert viewer.form.news(viewer.place, look(edge)[0]) is None
    assert numbers(viewer.catch_up()) == [1, 2]


def test_the_end_of_the_attempt_tells_the_rest_and_closes(attempt: StepAttempt, edge: Edge) -> None:
    viewer = Viewer(attempt)
    append(attempt, b"one\nhalf")
    assert numbers(viewer.hear(look(edge))) == [1]
    end(attempt)
    messages = viewer.hear(look(edge))
    assert (numbers(messages[:1]), messages[1:], viewer.place.ended) == ([2], [END], True)
    assert '<hx-partial hx-target="#log-now" hx-swap="innerHTML"></hx-partial>' in messages[0].data


def test_who_comes_after_the_end_gets_the_log_and_the_end(attempt: StepAttempt) -> None:
    append(attempt, b"one\nhalf")
    end(attempt)
    messages = Viewer(attempt).catch_up()
    assert (numbers(messages[:1]), messages[1:]) == ([1, 2], [END])


def test_the_next_attempt_ends_the_stream_of_the_one_before(attempt: StepAttempt, edge: Edge) -> None:
    viewer = Viewer(attempt)
    end(attempt, "failed")
    make_attempt(attempt.job, AttemptStatus.RUNNING)
    news = look(edge)
    assert viewer.form.news(viewer.place, news[-1]) is None
    assert viewer.catch_up() == [END]


def test_a_message_is_one_event_whatever_the_log_holds(attempt: StepAttempt, edge: Edge) -> None:
    append(attempt, b"evil\x0bline\x0c\x85 data: x\nid: 99\r\rdata: y\n\n")
    text = Viewer(attempt).hear(look(edge))[0].encoded
    assert text.count(b"\n\n") == 1
    assert all(line.startswith((b"id: 3", b"data: ")) for line in text.strip().split(b"\n"))
