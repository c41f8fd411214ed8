"""Static files are collected when they have changed, and only then."""

import os
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from engine_site import static_files


@pytest.fixture
def source(settings: Settings, data_dir: Path, tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "page.css").write_text("a { color: red }")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = data_dir / "static"
    return source


def test_they_are_collected_once_for_each_change(source: Path, settings: Settings) -> None:
    assert static_files.collect()
    assert not static_files.collect()
    (source / "page.css").write_text("a { color: blue }")
    os.utime(source / "page.css", (time.time() + 9, time.time() + 9))
    assert static_files.collect()
    assert (Path(settings.STATIC_ROOT) / "page.css").read_text() == "a { color: blue }"
    (source / "more.css").write_text("")
    assert static_files.collect()


def test_they_are_collected_again_after_a_collection_that_failed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(static_files, "call_command", fail)
        with pytest.raises(OSError, match="no space"):
            static_files.collect()
    assert static_files.collect()
