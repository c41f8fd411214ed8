"""The environment of an installation: what is closed to others from the first start, and what is misread."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from adapters import umask
from engine_site import env


def started(home: Path) -> None:
    """Load the settings as a first start does, with the umask of a careless shell."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("ENGINE_", "DJANGO_", "DATABASE_"))}
    subprocess.run(
        [sys.executable, "-c", "import os; os.umask(0); import engine_site.settings"],
        env={**kept, "ENGINE_DATA_DIR": str(home), "PIPELINE_DB_PATH": str(home.parent / "elsewhere" / "engine.db")},
        check=True,
    )


def test_the_data_directory_and_the_database_are_closed_from_the_first_start(tmp_path: Path) -> None:
    started(tmp_path / "var")
    places = (tmp_path / "var", tmp_path / "var" / "secret_key", tmp_path / "elsewhere" / "engine.db")
    assert [oct(stat.S_IMODE(place.stat().st_mode)) for place in places] == ["0o700", "0o600", "0o600"]


def test_an_open_data_directory_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert env.private_directory(tmp_path) == tmp_path
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_directory_that_all_users_share_is_refused_and_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(ImproperlyConfigured, match="all users share"):
        env.private_directory(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


@pytest.mark.parametrize(("value", "mask"), [("022", 0o022), ("0027", 0o027), ("0o77", 0o077), ("2", 0o002)])
def test_a_umask_is_octal(value: str, mask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_UMASK", value)
    assert env.mask("ENGINE_UMASK") == mask


@pytest.mark.parametrize("value", ["rw", "8", "07777", "-2"])
def test_a_umask_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_UMASK", value)
    with pytest.raises(ImproperlyConfigured, match="use octal digits"):
        env.mask("ENGINE_UMASK")


def test_without_one_the_servers_own_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENGINE_UMASK", raising=False)
    before = os.umask(0o026)
    try:
        assert env.mask("ENGINE_UMASK") == umask.current() == 0o026
    finally:
        os.umask(before)
