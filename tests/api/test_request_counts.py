"""Requests are counted exactly, by threads and by processes."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobs.api.request_counts import PROBES, SLOTS, RequestCounts

WINDOW = 29_000_000


def count_many(path: Path) -> None:
    counts = RequestCounts(path)
    for _ in range(500):
        counts.add(7, WINDOW)


def test_processes_and_threads_count_together(tmp_path: Path) -> None:
    path = tmp_path / "var" / "counts"
    processes = [multiprocessing.get_context("fork").Process(target=count_many, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    counts = RequestCounts(path)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: counts.add(7, WINDOW), range(99)))
    assert counts.add(7, WINDOW) == 1600


def test_callers_whose_entries_collide_and_a_new_window_are_apart(tmp_path: Path) -> None:
    counts = RequestCounts(tmp_path / "counts")
    for round_ in (1, 2):
        assert [counts.add(5 + number * SLOTS, WINDOW) for number in range(PROBES)] == [round_] * PROBES
    assert counts.add(5, WINDOW + 1) == 1


def test_without_room_for_a_file_a_process_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    counts = RequestCounts(tmp_path / "file" / "counts")
    assert [counts.add(1, WINDOW), counts.add(1, WINDOW)] == [1, 2]
