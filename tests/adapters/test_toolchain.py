"""What a confined tool may read of the system and of its home: programs and settings, no keys."""

from pathlib import Path

import pytest

from adapters import toolchain
from adapters.confinement import Profile, confine
from adapters.errors import CannotConfine
from adapters.paths import Paths


def covers(names: tuple[str, ...], place: Path | str) -> bool:
    return any(Path(place).is_relative_to(name) for name in names)


def make(place: Path, text: str = "") -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def test_no_key_of_a_home_directory_is_readable(tmp_path: Path) -> None:
    keys = [".ssh/id_ed25519", ".aws/credentials", ".netrc", ".npmrc", ".git-credentials", ".config/git/credentials"]
    keys += [".cargo/credentials.toml", ".gem/credentials", ".local/share/uv/credentials/x", ".config/gh/hosts.yml"]
    for name in keys:
        make(tmp_path / name)
    for name in (".cargo/bin/cargo", ".local/bin/tool", "go/bin/gopls"):
        make(tmp_path / name)
    path = ":".join(str(tmp_path / name) for name in (".cargo/bin", ".local/bin", "go/bin", ".", ".gem/bin"))
    names = toolchain.readable("/usr/bin/env", path, tmp_path)
    assert [name for name in keys if covers(names, tmp_path / name)] == []
    assert covers(names, tmp_path / ".cargo/bin/cargo") and covers(names, tmp_path / ".local/bin/tool")


def test_of_etc_only_what_programs_need_is_readable() -> None:
    names = toolchain.readable("/usr/bin/env", "/usr/bin", Path("/root"))
    assert covers(names, "/etc/passwd") and covers(names, "/etc/hosts")
    for name in ("/etc/shadow", "/etc/engine/env", "/etc/ssl/private/key.pem", "/etc/sudoers"):
        assert not covers(names, name)


def test_the_base_of_a_virtualenv_and_the_interpreter_of_a_script_are_readable(tmp_path: Path) -> None:
    base, venv, tool = tmp_path / "python3.99/bin", tmp_path / "home/venv", tmp_path / "node/bin/tool"
    make(base / "python")
    make(venv / "pyvenv.cfg", f"version = 3\nhome = {base}\n")
    make(venv / "bin/python")
    make(tool, f"#!{base}/python -E\n")
    names = toolchain.readable(str(tool), str(venv / "bin"), tmp_path / "home")
    assert (
        covers(names, base.parent / "lib/os.py") and covers(names, venv / "lib") and covers(names, tool.parent.parent)
    )


def test_what_is_hidden_stays_closed_in_a_directory_that_is_open(tmp_path: Path) -> None:
    opened, data, tree = tmp_path / "opt", tmp_path / "opt/engine/var", tmp_path / "tree"
    make(data / "secret_key")
    make(opened / "engine/README")
    make(opened / "other/program")
    tree.mkdir()
    profile = Profile(read=(str(opened),), hidden=(str(data),))
    rules = confine(["/bin/true"], {}, Paths(tree, tree, None, None), profile, tmp_path / "attempt", ())
    assert not covers(rules.read, data / "secret_key")
    assert covers(rules.read, opened / "engine/README") and covers(rules.read, opened / "other/program")


@pytest.mark.parametrize("where", [".", "opt", "opt/data"])
def test_a_working_tree_around_what_is_hidden_is_refused(where: str, tmp_path: Path) -> None:
    data = tmp_path / "opt/data"
    data.mkdir(parents=True)
    tree = tmp_path / where
    with pytest.raises(CannotConfine, match=r"holds .*opt/data"):
        confine(["/bin/true"], {}, Paths(tree, tree, None, None), Profile(hidden=(str(data),)), tmp_path / "a", ())


def test_the_tree_around_a_working_directory_is_open_without_what_is_hidden(tmp_path: Path) -> None:
    data, work = tmp_path / "var", tmp_path / "sub"
    make(data / "secret_key")
    make(tmp_path / "README")
    (tmp_path / ".git").mkdir()
    work.mkdir()
    rules = confine(
        ["/bin/true"], {}, Paths(work, work, None, None), Profile(hidden=(str(data),)), tmp_path / "var/attempt", ()
    )
    assert covers(rules.read, tmp_path / "README") and not covers(rules.read, data / "secret_key")
