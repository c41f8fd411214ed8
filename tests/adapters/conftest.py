"""Fixtures for the adapters: nothing here needs the network or an AI tool."""

from pathlib import Path

import pytest

from tests.adapters.bench import Bench, make_repository


@pytest.fixture(scope="session")
def repository_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("template") / "repo")


@pytest.fixture
def bench(tmp_path: Path, repository_template: Path) -> Bench:
    """A workbench with a repository of one commit."""
    return Bench(tmp_path, repository_template)
