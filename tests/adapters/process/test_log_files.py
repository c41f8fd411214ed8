"""Index, quota and error lines: what the shim writes and the reader finds."""

import json
import struct
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.process import LogFile
from adapters.process.keeper.log.index import MAX_LINES_PER_ENTRY, LineIndex
from adapters.process.keeper.log.writer import LogWriter


def complete(log: LogWriter) -> None:
    log.join()
    while not log.scan_rest():
        pass
    log.close()


def write(folder: Path, pieces: list[bytes], limit: int = 10**9) -> LogWriter:
    folder.mkdir(exist_ok=True)
    log = LogWriter({"attempt_dir": str(folder), "max_log_bytes": limit})
    for number, piece in enumerate(pieces):
        log.write(piece, number * 0.03)
    complete(log)
    return log


def entries(folder: Path) -> list[tuple[int, int, int]]:
    path = folder / "output.idx"
    return list(struct.iter_unpack("<QQq", path.read_bytes())) if path.exists() else []


texts = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from([b"\n", b"a\n", b"\n" * 1200, b"x\n" * 700, b"word " * 2000, b"\r\n", b"one\ntwo\nthree"]),
    ),
    max_size=12,
)


@given(texts)
def test_every_index_entry_stands_at_its_line(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("log")
    write(folder, pieces)
    text = b"".join(pieces)
    found = entries(folder)
    for line, offset, _ in found:
        assert text[:offset].count(b"\n") == line - 1
        assert offset == 0 or text[offset - 1 : offset] == b"\n"
        assert offset < len(text)
    assert found == sorted(found)
    assert len({line for line, _, _ in found}) == len(found)


@given(texts)
def test_two_entries_are_never_more_than_500_lines_apart(pieces: list[bytes]) -> None:
    index = LineIndex()
    lines = [line for piece in filter(None, pieces) for line, _, _ in index.feed(piece, 0.0, 0)]
    total = index.lines
    assert all(b - a <= MAX_LINES_PER_ENTRY for a, b in pairwise([*lines, total + 1]))


@given(texts, st.integers(1, 3000), st.integers(1, 40))
def test_read_lines_gives_the_lines_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], first: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    write(folder, pieces)
    text = b"".join(pieces)
    whole = text.split(b"\n")
    lines = [line.removesuffix(b"\r") for line in whole[:-1]] + [line for line in whole[-1:] if line]
    log = LogFile(folder)
    assert log.lines_total == len(lines)
    got = log.read_lines(first, count, cut_at=None)
    assert [line.raw for line in got] == lines[first - 1 : first - 1 + count]
    assert [line.number for line in got] == list(range(first, first + len(got)))
    assert all(text[line.offset :].startswith(line.raw) for line in got)
    assert all(log.line_at(line.offset) == line.number for line in got)


def test_an_entry_tells_the_time_every_tenth_of_a_second(tmp_path: Path) -> None:
    index = LineIndex()
    assert index.feed(b"one\n", 0.0, 1) == [(1, 0, 1)]
    assert index.feed(b"two\n", 0.05, 2) == []
    assert index.feed(b"three", 0.20, 3) == [(3, 8, 3)]
    assert index.feed(b" goes on\nfour\nfive\n", 0.40, 4) == [(4, 22, 4)]


def test_a_line_knows_when_it_came(tmp_path: Path) -> None:
    before = time.time()
    write(tmp_path, [b"one\n"])
    line = LogFile(tmp_path).read_lines(1, 1)[0]
    assert line.time is not None
    assert before - 1 <= line.time <= time.time() + 1


def test_long_lines_are_cut_and_say_so(tmp_path: Path) -> None:
    write(
        tmp_path, [b"short\n" + b"x" * 4096 + b"\n" + b"y" * 4097 + b"\n" + b"z" * 100_000 + b"\nend\n" + b"w" * 5000]
    )
    lines = LogFile(tmp_path).read_lines(1, 10)
    assert [line.cut for line in lines] == [False, False, True, True, False, True]
    assert all(len(line.raw) <= 4096 for line in lines)
    assert lines[4].raw == b"end"
    assert b"".join(LogFile(tmp_path).read(lines[3].offset, lines[4].offset)) == b"z" * 100_000 + b"\n"


@pytest.mark.parametrize("rewrites", [3, 500, 60_000])
@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n", b"\n"])
def test_of_a_progress_bar_the_last_rewrite_is_shown(tmp_path: Path, rewrites: int, end: bytes) -> None:
    bar = b"".join(b"\rdownload %d/%d [####]" % (n, rewrites) for n in range(1, rewrites + 1))
    write(tmp_path, [b"start\n", bar + end])
    line = LogFile(tmp_path).read_lines(2, 1)[0]
    assert (line.shown, line.cut) == (b"download %d/%d [####]" % (rewrites, rewrites), False)


def test_a_last_rewrite_that_is_long_is_shown_from_its_beginning(tmp_path: Path) -> None:
    write(tmp_path, [b"a" * 5000 + b"\r" + b"b" * 10_000 + b"\n", b"c" * 5000 + b"\r" + b"d" * 4096 + b"\n"])
    first, second = LogFile(tmp_path).read_lines(1, 2)
    assert (first.raw, first.cut) == (b"b" * 4096, True)
    assert (second.raw, second.cut) == (b"d" * 4096, False)


def test_a_log_is_read_while_it_grows(tmp_path: Path) -> None:
    log, reader = LogWriter({"attempt_dir": str(tmp_path), "max_log_bytes": 10**6}), LogFile(tmp_path)
    assert (reader.lines_total, reader.read_lines(1, 5)) == (0, [])
    log.write(b"one\ntw", 0.0)
    assert reader.lines_total == 2
    assert [line.raw for line in reader.read_lines(1, 5)] == [b"one", b"tw"]
    log.write(b"o\nthree\n", 0.01)
    assert reader.lines_total == 3
    assert [line.raw for line in reader.read_lines(2, 5)] == [b"two", b"three"]
    complete(log)


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "nowhere")
    assert (log.size, log.lines_total, log.read_lines(1, 9), log.errors(), list(log.read(0, 9))) == (0, 0, [], [], [])
    assert log.search("x").total == 0


def test_without_an_index_lines_are_found_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, [b"a\n" * 3000])
    (tmp_path / "output.idx").unlink()
    assert LogFile(tmp_path).lines_total == 3000
    assert LogFile(tmp_path).read_lines(2999, 5)[0].offset == 2 * 2998


@pytest.mark.parametrize(
    "line",
    [
        b"ValueError: no",
        b"Traceback (most recent call last):",
        b"ERROR in x",
        b"FATAL:  password",
        b"3 failed, 1 passed",
        b"java.lang.NullPointerException",
        b"thread 'main' panicked at",
        b'{"type":"error"}',
        b"error: 2 errors",
        b"errors: 3",
        b"step FAILED",
    ],
)
def test_an_error_line_is_found(tmp_path: Path, line: bytes) -> None:
    write(tmp_path, [b"fine\n", line + b"\n", b"fine"])
    assert [(e.number, e.offset, e.text) for e in LogFile(tmp_path).errors()] == [(2, 5, line.decode())]


@pytest.mark.parametrize(
    "line",
    [
        b"0 errors, 0 failed",
        b"no errors found",
        b'{"is_error":false}',
        b'{"error": null}',
        b"failed=0",
        b"terrorist",
        b"failover works",
        b"all passed",
        b'{"errors":[]}',
    ],
)
def test_a_harmless_line_is_no_error(tmp_path: Path, line: bytes) -> None:
    write(tmp_path, [line + b"\n"])
    assert LogFile(tmp_path).errors() == []


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_error_lines_are_found_however_the_output_is_cut(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    lines = [b"SomeError: %d\n" % n if n % 7 == 3 else b"line %d\n" % n for n in range(300)]
    text, pieces = b"".join(lines), []
    while text:
        for size in sizes:
            pieces.append(text[:size])
            text = text[size:]
    log = LogWriter({"attempt_dir": str(folder), "max_log_bytes": 10**9})
    for number, piece in enumerate(filter(None, pieces)):
        log.write(piece, 0.0)
        if number % 3 == 0 and log.unread:
            log.look_for_errors()
    complete(log)
    assert [e.number for e in LogFile(folder).errors()] == [n + 1 for n in range(300) if n % 7 == 3]
    assert log.first_error_line == 4


def test_only_the_first_200_error_lines_are_kept(tmp_path: Path) -> None:
    write(tmp_path, [b"".join(b"error %d\n" % n for n in range(1000))])
    assert [e.number for e in LogFile(tmp_path).errors()] == list(range(1, 201))


def test_an_error_deep_in_a_huge_line_is_found_once(tmp_path: Path) -> None:
    write(tmp_path, [b"ok\n", b"a" * 700_000, b" RuntimeError: deep ", b"b" * 700_000 + b" error\nnext error\n"])
    found = LogFile(tmp_path).errors()
    assert [e.number for e in found] == [2, 3]
    assert "RuntimeError: deep" in found[0].text


def test_below_the_limit_nothing_is_left_out(tmp_path: Path) -> None:
    pieces = [b"line %06d\n" % n for n in range(1000)]
    log = write(tmp_path, pieces, limit=12_000)
    assert (tmp_path / "output.log").read_bytes() == b"".join(pieces)
    assert (log.size, log.lines, log.skipped) == (12_000, 1000, 0)


@given(st.lists(st.binary(max_size=90), min_size=30, max_size=80), st.integers(200, 900), st.booleans())
def test_beyond_the_limit_head_and_tail_are_kept_and_the_gap_is_said(
    tmp_path_factory: pytest.TempPathFactory, words: list[bytes], limit: int, with_lines: bool
) -> None:
    folder = tmp_path_factory.mktemp("log")
    pieces = [word + b"\n" * with_lines for word in words]
    text = b"".join(pieces)
    log = write(folder, pieces, limit)
    kept = (folder / "output.log").read_bytes()
    names = ["errors.idx", "output.idx", "output.log"] if text else ["output.log"]
    assert sorted(p.name for p in folder.iterdir()) == names
    assert log.size == len(kept)
    assert LogFile(folder).lines_total == log.lines
    if not log.skipped:
        assert kept == text
        return
    assert len(kept) <= limit + 120
    head, gap, tail = kept.partition(b"[engine] %d bytes in " % log.skipped)
    assert gap
    tail = tail.partition(b"\n")[2]
    assert text.startswith((head, head[:-1]))
    assert text.endswith(tail)
    assert len(text) - log.skipped in (len(head) + len(tail), len(head) - 1 + len(tail))
    assert len(tail) >= limit // 4 // 2 - 91 - 1
    for line, offset, _ in entries(folder):
        assert kept[:offset].count(b"\n") == line - 1
        assert offset == 0 or kept[offset - 1 : offset] == b"\n"


def test_the_gap_tells_how_many_lines_are_missing(tmp_path: Path) -> None:
    lines = [b"line %06d\n" % n for n in range(1, 100_001)]
    log = write(tmp_path, [b"".join(lines[n : n + 50]) for n in range(0, 100_000, 50)], limit=120_000)
    kept = (tmp_path / "output.log").read_bytes().splitlines()
    at = next(n for n, line in enumerate(kept) if line.startswith(b"[engine]"))
    missing = int(kept[at].split()[4])
    assert int(kept[at + 1].split()[1]) - int(kept[at - 1].split()[1]) == missing + 1
    assert kept[-1] == b"line 100000"
    assert log.lines == len(kept) == 100_000 - missing + 1
    found = LogFile(tmp_path).read_lines(len(kept) - 1, 2)
    assert [line.raw for line in found] == kept[-2:]


def test_error_lines_behind_the_gap_have_their_place_in_the_log(tmp_path: Path) -> None:
    lines = [b"line %06d\n" % n for n in range(10_000)]
    write(tmp_path, [b"".join(lines[:5000]), b"error lost\n", b"".join(lines[5000:]), b"error kept\n"], limit=12_000)
    found = LogFile(tmp_path).errors()
    assert [e.text for e in found] == ["error kept"]
    assert LogFile(tmp_path).read_lines(found[0].number, 1)[0].raw == b"error kept"


def test_the_list_of_error_lines_is_json_by_line(tmp_path: Path) -> None:
    write(tmp_path, [b"error \xff\xfe\n"])
    rows = [json.loads(row) for row in (tmp_path / "errors.idx").read_text().splitlines()]
    assert rows == [{"line": 1, "offset": 0, "text": "error \ufffd\ufffd"}]
