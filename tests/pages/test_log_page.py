import re

import pytest

from jobs.models import LogChunk, StepAttempt
from jobs.pages.logs.live_log import AttemptRows
from jobs.pages.logs.log_viewer import WINDOW
from jobs.services.reading.log_formats import Place
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_job
from tests.pages.logs import write_log

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def numbers(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<li id="L(\d+)"', page)]


@pytest.fixture
def attempt(admin) -> StepAttempt:
    return make_attempt(make_job(JobStatus.COMPLETED))


def url_of(attempt: StepAttempt, more: str = "") -> str:
    return f"/jobs/{attempt.job.job_id}/log{more}"


def test_a_long_log_opens_at_its_end_with_one_window(admin, attempt):
    write_log(attempt, (f"line {n}" for n in range(1, 2001)), errors=[7, 1990])
    page = admin.get(url_of(attempt)).content.decode()
    assert numbers(page) == list(range(2001 - WINDOW, 2001))
    assert 'aria-label="Error at line 7"' in page
    assert '<li id="L1990" class="log-error">' in page


def test_a_linked_line_brings_its_surroundings(admin, attempt):
    write_log(attempt, (f"line {n}" for n in range(1, 2001)))
    shown = numbers(admin.get(url_of(attempt, "?line=700")).content.decode())
    assert 700 in shown
    assert shown[0] < 700 < shown[-1]


def test_earlier_and_later_windows_join_without_gap_or_repeat(admin, attempt):
    write_log(attempt, (f"line {n}" for n in range(1, 1001)))
    seen = numbers(admin.get(url_of(attempt, "?from=1")).content.decode())
    part = f"/-/jobs/{attempt.job.job_id}/log?attempt=1&edge=bottom&from="
    while seen[-1] < 1000:
        seen += numbers(admin.get(part + str(seen[-1] + 1)).content.decode())
    assert seen == list(range(1, 1001))


@pytest.mark.parametrize(
    "query",
    ["?from=0", "?from=999999", "?from=x", "?line=-1", "?line=99999999999999999999", "?attempt=77", "?q=" + "(" * 50],
)
def test_odd_addresses_show_some_window(admin, attempt, query):
    write_log(attempt, ["one", "two"])
    assert admin.get(url_of(attempt, query)).status_code == 200


def test_search_counts_in_the_whole_log_and_links_to_hits(admin, attempt):
    write_log(attempt, (f"{'Needle' if n % 100 == 0 else 'hay'} {n}" for n in range(1, 3001)))
    page = admin.get(url_of(attempt, "?q=needle")).content.decode()
    assert "30 lines match" in page
    assert 'data-hit="100"' in page
    assert "match" in admin.get(url_of(attempt, "?q=/needle 1\\d00$/")).content.decode()
    assert "is not a regular expression" in admin.get(url_of(attempt, "?q=/(/")).content.decode()


def test_log_text_is_escaped(admin, attempt):
    write_log(attempt, ["<script>alert(1)</script>", b"\x1b[31mred\x1b[0m"])
    page = admin.get(url_of(attempt)).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert '<span class="ansi-red">red</span>' in page


def test_a_line_without_its_end_waits_while_the_attempt_lives(admin):
    job = make_job(JobStatus.RUNNING)
    attempt = make_attempt(job, AttemptStatus.RUNNING)
    write_log(attempt, ["whole", "half"], end=b"")
    assert numbers(admin.get(url_of(attempt)).content.decode()) == [1]
    StepAttempt.objects.filter(pk=attempt.pk).update(status="completed", completed_at=attempt.started_at)
    assert numbers(admin.get(url_of(attempt)).content.decode()) == [1, 2]


def test_watching_asks_the_worker_to_ship_often(admin):
    attempt = make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)
    write_log(attempt, ["one"])
    admin.get(url_of(attempt))
    attempt.refresh_from_db()
    assert attempt.watched_until is not None


def test_new_lines_come_by_polling_and_304_between(admin):
    attempt = make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)
    write_log(attempt, ["one"])
    page = admin.get(url_of(attempt)).content.decode()
    url = re.search(r'hx-get="([^"]*poll=1)"', page)[1].replace("&amp;", "&")
    tag = admin.get(url).headers["HX-PTag"]
    assert admin.get(url, headers={"HX-PTag": tag}).status_code == 304
    write_log(attempt, ["one", "two"])
    body = admin.get(url, headers={"HX-PTag": tag}).content.decode()
    assert numbers(body) == [2]
    assert "from=3" in body


def test_where_the_file_is_elsewhere_the_shipped_copy_is_shown_and_said_to_be_one(admin, attempt):
    pieces = [b"first line\nsec", b"ond line\nthird with no", b" break yet", b" done\nfourth\n"]
    offset = lines = 0
    for seq, data in enumerate(pieces):
        LogChunk.objects.create(
            attempt=attempt, seq=seq, offset=offset, first_line=lines + 1, line_count=data.count(b"\n"), data=data
        )
        offset, lines = offset + len(data), lines + data.count(b"\n")
    StepAttempt.objects.filter(pk=attempt.pk).update(log_bytes=offset + 100)
    page = admin.get(url_of(attempt)).content.decode()
    assert numbers(page) == [1, 2, 3, 4]
    assert "third with no break yet done" in page
    assert "only the shipped copy" in page
    part = admin.get(f"/-/jobs/{attempt.job.job_id}/log?from=3&to=3").content.decode()
    assert numbers(part) == [3]
    assert "1 line matches" in admin.get(url_of(attempt, "?q=BREAK")).content.decode()
    assert b"".join(admin.get(url_of(attempt, "/raw")).streaming_content) == b"".join(pieces)


def test_the_raw_log_is_sent_byte_for_byte_and_in_ranges(admin, attempt):
    write_log(attempt, [b"\x00\xff bytes", "second"])
    body = (attempt.directory / "output.log").read_bytes()
    whole = admin.get(url_of(attempt, "/raw"))
    assert b"".join(whole.streaming_content) == body
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    some = admin.get(url_of(attempt, "/raw"), headers={"Range": "bytes=2-5"})
    assert (some.status_code, b"".join(some.streaming_content)) == (206, body[2:6])
    last = admin.get(url_of(attempt, "/raw"), headers={"Range": "bytes=-3"})
    assert b"".join(last.streaming_content) == body[-3:]
    assert admin.get(url_of(attempt, "/raw"), headers={"Range": "bytes=999-"}).status_code == 416


def test_go_to_line_works_without_script(admin, attempt):
    write_log(attempt, ["one"])
    answer = admin.get(url_of(attempt, "/go?attempt=1&line=5"))
    assert answer.headers["Location"] == f"{url_of(attempt)}?attempt=1&line=5#L5"


def test_a_job_without_an_attempt_has_no_log_yet(admin):
    assert "No log yet" in admin.get(f"/jobs/{make_job().job_id}/log").content.decode()


def test_a_window_weighs_less_than_100_kb(admin, attempt):
    write_log(attempt, ("x" * 80 for _ in range(1000)))
    assert len(admin.get(url_of(attempt)).content) < 100_000


def test_a_cut_line_says_so_in_page_part_stream_and_tail_and_links_to_the_whole(admin):
    attempt = make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)
    write_log(attempt, ["short", "x" * 5000])
    job, note = attempt.job.job_id, "log/raw?attempt=1&amp;line=2"
    page = admin.get(url_of(attempt)).content.decode()
    assert f'<a class="ansi-dim" href="/jobs/{job}/{note}">[cut: get the whole line]</a>' in page
    assert note in admin.get(f"/-/jobs/{job}/log?from=2&to=2").content.decode()
    assert note in AttemptRows(attempt).missed(Place(1)).messages[0].data
    assert note in admin.get(f"/jobs/{job}").content.decode()
    assert admin.get(f"/jobs/{job}/log/raw?attempt=1&line=2").getvalue() == b"x" * 5000 + b"\n"


def test_a_progress_bar_shows_its_last_state(admin, attempt):
    write_log(attempt, [b"".join(b"\rdownload %d/300 [####]" % n for n in range(1, 301)), b"done"])
    page = admin.get(url_of(attempt)).content.decode()
    assert "<code>download 300/300 [####]</code>" in page
    assert "cut:" not in page


def test_a_hit_in_a_long_coloured_line_shows_the_match(admin, attempt):
    write_log(attempt, ["x" * 3000 + "\x1b[31mdisk\x1b[0m full <b>" + "y" * 3000])
    page = admin.get(url_of(attempt, "?q=disk full")).content.decode()
    assert "1 line matches" in page
    assert "x<mark>disk full</mark> &lt;b&gt;yy" in page


def test_addresses_in_a_log_are_links(admin, attempt):
    write_log(attempt, ["report: https://ci.example/run/7."])
    page = admin.get(url_of(attempt)).content.decode()
    assert '<a href="https://ci.example/run/7" target="_blank" rel="noopener noreferrer">' in page
