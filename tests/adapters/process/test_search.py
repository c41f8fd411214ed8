import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.process import LogFile


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


def test_hits_know_their_place_across_pieces(tmp_path: Path) -> None:
    lines = [b"x" * 999 for _ in range(3000)]
    lines[2500] = b"here: needle"
    found = log(tmp_path, b"\n".join(lines)).search("Needle")
    assert [(hit.number, hit.offset, hit.text) for hit in found.hits] == [(2501, 2_500_000, "here: needle")]


def test_more_hits_than_the_limit_are_counted(tmp_path: Path) -> None:
    found = log(tmp_path, b"yes\nno\n" * 500).search("yes", limit=3)
    assert (found.total, [hit.number for hit in found.hits]) == (500, [1, 3, 5])


def test_letters_beyond_ascii_are_found_in_both_cases(tmp_path: Path) -> None:
    assert log(tmp_path, "GRÖSSE\nkeine\n".encode()).search("größe".replace("ß", "ss")).total == 1


def test_a_regular_expression_is_tried_line_by_line(tmp_path: Path) -> None:
    found = log(tmp_path, b"took 12 ms\ntook\n12 ms\nTOOK 7 MS\n").search(r"^took \d+ ms$", regex=True)
    assert [hit.number for hit in found.hits] == [1, 4]


def test_an_expression_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.process.search.START_S", 0.2)
    begun = time.monotonic()
    found = log(tmp_path, b"a" * 60 + b"!\n").search("(a+)+$", regex=True, time_limit_s=0.2)
    assert not found.complete
    assert time.monotonic() - begun < 3


def test_a_wrong_expression_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no regular expression"):
        log(tmp_path, b"x").search("(", regex=True)


def test_a_search_without_time_says_that_it_is_not_complete(tmp_path: Path) -> None:
    assert not log(tmp_path, b"x\n").search("x", time_limit_s=0).complete
