"""Fixtures that every floor uses."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from tests.run_alone import pytest_terminal_summary
from tests.streams import stream_thread
from tests.workers import pytest_xdist_make_scheduler

__all__ = ["data_dir", "pytest_terminal_summary", "pytest_xdist_make_scheduler", "stream_thread"]

# A shell that starts a command in the background lets it ignore Ctrl-C, and so would every process of a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine must not make a test fail: figures come from the benchmark.
hypothesis_settings.register_profile("engine", deadline=None, max_examples=60)
hypothesis_settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS", "engine"))


@pytest.fixture
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    """A data directory of the test's own."""
    settings.ENGINE_DATA_DIR = tmp_path.with_name(tmp_path.name + "-var")  # no job works around its server's data
    settings.ENGINE_DATA_DIR.mkdir()
    settings.ENGINE_ROOTS = [str(tmp_path.resolve())]
    return settings.ENGINE_DATA_DIR
