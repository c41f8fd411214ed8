"""The live log's messages: no line lost, none repeated, a hole is shown as one."""

import re

import pytest
from django.utils import timezone

from jobs.models import StepAttempt
from jobs.pages.logs.live_log import ROWS, Channel, News, _catch_up, _message
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job
from tests.pages.logs import write_log

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(autouse=True)
def keep_the_tests_connection(monkeypatch):
    monkeypatch.setattr("jobs.pages.logs.live_log.close_old_connections", lambda: None)


@pytest.fixture
def attempt() -> StepAttempt:
    return make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r'<li id="L(\d+)"', text)]


def test_a_look_tells_what_is_new_and_nothing_twice(attempt):
    write_log(attempt, ["one", "two"])
    channel = Channel(attempt)
    assert numbers(channel.look().html) == [1, 2]
    assert channel.look() is None
    write_log(attempt, ["one", "two", "three", "fo"], end=b"")
    news = channel.look()
    assert (numbers(news.html), news.last, news.pending) == ([3], 3, "fo")


def test_a_burst_is_told_by_its_end_and_a_gap(attempt):
    write_log(attempt, [f"line {n}" for n in range(1, 1001)])
    news = Channel(attempt, at=10).look()
    text, last = _message(attempt, news, 10)
    assert (numbers(text), last) == (list(range(1001 - ROWS, 1001)), 1000)
    assert "790 lines skipped" in text
    assert f"from=11&amp;to={1000 - ROWS}" in text


def test_a_viewer_gets_only_what_it_does_not_have(attempt):
    write_log(attempt, [f"line {n}" for n in range(1, 11)])
    news = Channel(attempt).look()
    text, last = _message(attempt, news, 7)
    assert (numbers(text), last) == ([8, 9, 10], 10)
    assert _message(attempt, news, 10)[0] == ""


def test_a_reconnect_goes_on_after_the_last_line_it_was_told(attempt):
    write_log(attempt, [f"line {n}" for n in range(1, 51)])
    text = _catch_up(attempt, 42, 50)
    assert numbers(text) == list(range(43, 51))
    assert text.startswith("id: 50\n")
    assert _catch_up(attempt, 50, 50) == ""


def test_the_end_of_the_attempt_tells_the_rest_and_closes(attempt):
    write_log(attempt, ["one", "half"], end=b"")
    channel = Channel(attempt)
    assert numbers(channel.look().html) == [1]
    StepAttempt.objects.filter(pk=attempt.pk).update(status="completed", completed_at=timezone.now())
    news = next(found for found in (channel.look() for _ in range(10)) if found)
    assert (numbers(news.html), news.end, news.pending) == ([2], True, "")


def test_a_message_is_one_event_whatever_the_log_holds(attempt):
    write_log(attempt, [b"evil\x0bline\x0c\x85 data: x", b"id: 99"])
    text, _ = _message(attempt, Channel(attempt).look(), 0)
    assert text.count("\n\n") == 1
    assert all(line.startswith(("id: 2", "data: ")) for line in text.strip().split("\n"))


def test_slow_viewers_lose_messages_but_see_the_hole(attempt):
    news = News(30, 40, "".join(f'<li id="L{n}"></li>' for n in range(30, 41)))
    text, last = _message(attempt, news, 12)
    assert "17 lines skipped" in text
    assert last == 40
