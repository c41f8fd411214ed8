"""Files for keys: one writer wins, readers find whole files, and nothing is left beside them."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobs import private_file


def test_of_many_first_starts_one_makes_the_file_and_all_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda number: private_file.create(path, f"key {number}"), range(64)))
    assert found == {path.read_text()}
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    private_file.create(tmp_path / "new", "x")
    private_file.replace(tmp_path / "other", "y")
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_the_content_is_replaced(tmp_path: Path) -> None:
    private_file.create(tmp_path / "key", "old")
    private_file.replace(tmp_path / "key", "new")
    assert (tmp_path / "key").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1
