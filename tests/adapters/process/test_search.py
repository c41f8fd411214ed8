import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.process import LogFile
from adapters.process.search import LINE_PART


def log(folder: Path, text: bytes) -> LogFile:
    (folder / "output.log").write_bytes(text)
    return LogFile(folder)


@given(st.lists(st.text("abAB\n", max_size=8), max_size=40), st.text("abAB", min_size=1, max_size=2), st.booleans())
def test_a_search_finds_what_a_plain_loop_finds(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], pattern: str, ignore_case: bool
) -> None:
    text = "\n".join(words)
    found = log(tmp_path_factory.mktemp("log"), text.encode()).search(pattern, ignore_case=ignore_case)
    lines = enumerate(text.split("\n"), 1)
    wanted = [n for n, line in lines if (pattern.lower() in line.lower() if ignore_case else pattern in line)]
    assert [hit.number for hit in found.hits] == wanted
    assert (found.total, found.complete) == (len(wanted), True)


@pytest.mark.parametrize("regex", [False, True])
def test_hits_know_their_place_across_pieces(tmp_path: Path, regex: bool) -> None:
    lines = [b"x" * 999 for _ in range(3000)]
    lines[2500] = b"here: needle"
    found = log(tmp_path, b"\n".join(lines)).search("Needle", regex=regex)
    assert [(hit.number, hit.text, hit.start, hit.end) for hit in found.hits] == [(2501, "here: needle", 6, 12)]


@given(
    st.lists(
        st.sampled_from(["Disk ", "\x1b[31m", "\x1b]0;title\x07", "full", "\x1b[0m", "\x00", "\u202e"]), max_size=9
    )
)
def test_a_search_looks_at_what_is_shown(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("log")
    text = "".join(parts)
    shown = "".join(part for part in parts if part in ("Disk ", "full"))
    found = log(folder, f"other\n{text}\nlast\n".encode()).search("disk full")
    assert [hit.number for hit in found.hits] == ([2] if "disk full" in shown.lower() else [])
    assert all(hit.text == shown for hit in found.hits)


def test_of_a_line_that_is_started_over_the_last_writing_is_searched(tmp_path: Path) -> None:
    file = log(tmp_path, b"get 1%\rget 50%\rget 99%\r\nend\r\n")
    assert file.search("50%").total == 0
    assert [hit.text for hit in file.search("get").hits] == ["get 99%"]
    assert [hit.number for hit in file.search("end$", regex=True).hits] == [2]


@pytest.mark.parametrize("place", [0, 300, 5_000, 300_000, 999_994])
def test_the_excerpt_of_a_long_line_holds_the_match(tmp_path: Path, place: int) -> None:
    line = b"\xc3\xa4" * (place // 2) + b"needle" + b"y" * (1_000_000 - place - 6)
    found = log(tmp_path, b"one\n" + line + b"\nthree needles\n").search("needle")
    first, second = found.hits
    assert (found.total, first.number, second.number) == (2, 2, 3)
    assert first.text[first.start : first.end] == "needle"
    assert (first.before, first.after, len(first.text.encode()) <= 504) == (place > 120, place < 999_000, True)
    assert "\ufffd" not in first.text


def test_a_match_that_lies_across_two_parts_of_a_long_line_is_found_once(tmp_path: Path) -> None:
    line = b"x" * (LINE_PART + 3) + b"needle" + b"x" * LINE_PART
    found = log(tmp_path, line + b"\n" + b"needle\n").search("needle")
    assert (found.total, [hit.number for hit in found.hits]) == (2, [1, 2])


def test_more_hits_than_the_limit_are_counted(tmp_path: Path) -> None:
    found = log(tmp_path, b"yes\nno\n" * 500).search("yes", limit=3)
    assert (found.total, [hit.number for hit in found.hits]) == (500, [1, 3, 5])


def test_letters_beyond_ascii_are_found_in_both_cases(tmp_path: Path) -> None:
    assert log(tmp_path, "GRÖSSE\nkeine\n".encode()).search("größe".replace("ß", "ss")).total == 1


def test_a_regular_expression_is_tried_line_by_line(tmp_path: Path) -> None:
    found = log(tmp_path, b"took 12 ms\ntook\n12 ms\nTOOK 7 MS\n").search(r"^took \d+ ms$", regex=True)
    assert [hit.number for hit in found.hits] == [1, 4]


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*(.*)*(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:.?){100}b"]
)
def test_no_expression_takes_more_than_linear_time(tmp_path: Path, pattern: str) -> None:
    file = log(tmp_path, (b"a" * 400 + b"!\n") * 500)
    began = time.process_time()
    assert file.search(pattern, regex=True, time_limit_s=5).complete
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["[ab][a-z ]{250}q", "(?:.?){200}q", "(a|b).{20}(c|x).{20}q", ".*a.{14}b.*c.{14}q"])
def test_the_limit_of_time_holds_for_an_expensive_expression_in_a_long_line(tmp_path: Path, pattern: str) -> None:
    file = log(tmp_path, bytes(random.Random(1).choices(b"abcxyz ", k=4_000_000)))
    began = time.process_time()
    file.search(pattern, regex=True, time_limit_s=0.2)
    assert time.process_time() - began < 2


def test_an_expression_that_is_too_large_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too large"):
        log(tmp_path, b"x").search("(?:.?){900}", regex=True)


def test_a_wrong_expression_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a regular expression"):
        log(tmp_path, b"x").search("(", regex=True)


def test_a_search_without_time_says_that_it_is_not_complete(tmp_path: Path) -> None:
    assert not log(tmp_path, b"x\n").search("x", time_limit_s=0).complete
