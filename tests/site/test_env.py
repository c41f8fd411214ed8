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


def test_a_tilde_is_a_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENGINE_ROOTS", "~/repos,/srv")
    monkeypatch.setenv("PIPELINE_DB_PATH", "~/engine.db")
    assert env.directories("ENGINE_ROOTS", "") == [str(tmp_path / "repos"), "/srv"]
    assert env.path("PIPELINE_DB_PATH", "") == tmp_path / "engine.db"


def test_the_home_of_an_unknown_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_ROOTS", "~nobody-of-this-name/repos")
    with pytest.raises(ImproperlyConfigured, match=r"ENGINE_ROOTS is .*no such user"):
        env.directories("ENGINE_ROOTS", "")


@pytest.mark.parametrize("value", ["nofile=10k", "nofile", "=3", "nofile=-1", "nofile=1.5"])
def test_a_limit_that_is_no_whole_number_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_RLIMITS", value)
    with pytest.raises(ImproperlyConfigured, match=r"ENGINE_RLIMITS has .* such as nofile=1024"):
        env.whole_numbers("ENGINE_RLIMITS", "nofile=1024")


def test_limits_are_read_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_RLIMITS", "nofile = 1024, core=0")
    assert env.whole_numbers("ENGINE_RLIMITS", "") == {"nofile": 1024, "core": 0}


@pytest.mark.parametrize("password", ["se/cret", "12/cret", "se?cret", "se#cret", "[secret"])
def test_a_password_that_is_not_encoded_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="write / as %2F") as refused:
        env.database(f"postgresql://engine:{password}@db.example/engine")
    assert "cret" not in str(refused.value)


def test_an_encoded_password_is_decoded() -> None:
    found = env.database("postgresql://engine:se%2Fcr%40et@db.example:5433/engine")
    assert (found["PASSWORD"], found["HOST"], found["PORT"]) == ("se/cr@et", "db.example", "5433")


def test_an_address_without_a_database_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="names no database"):
        env.database("postgresql://engine@db.example")
