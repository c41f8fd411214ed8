"""Fixtures that every floor uses."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from tests import settings as test_settings

# A busy machine must not make a test fail: figures come from the benchmark.
hypothesis_settings.register_profile("engine", deadline=None, max_examples=60)
hypothesis_settings.load_profile("engine")


@pytest.fixture
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    """A data directory of the test's own."""
    settings.ENGINE_DATA_DIR = tmp_path / "var"
    settings.ENGINE_DATA_DIR.mkdir()
    settings.ENGINE_ROOTS = [str(tmp_path.resolve())]
    return settings.ENGINE_DATA_DIR


@pytest.fixture(scope="session", autouse=True)
def _remove_data() -> Iterator[None]:
    yield
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        shutil.rmtree(test_settings.DATA, ignore_errors=True)
