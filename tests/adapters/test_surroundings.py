"""Environment, paths and executables: what a tool gets, and what it may not get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters import environment, executable, paths
from adapters.environment import DANGEROUS, PASSED_ON, Environment
from adapters.errors import BadCommand, DangerousName, MissingExecutable, OutsideRoots

MARKER = "marker-of-sixteen-characters"


def built(job_env: dict[str, Any] | None = None, **more: Any) -> Environment:
    given: dict[str, Any] = {"server_env": {}, "own": {}, "secrets": {}, "allowed": (), "job_id": "j", "marker": MARKER}
    return environment.build(job_env or {}, **{**given, **more})


def test_only_the_allow_list_of_the_server_passes() -> None:
    server = {name.replace("*", "ALL"): "x" for name in PASSED_ON} | {
        "SECRET_KEY": "x",
        "OPENAI_API_KEY": "x",
        "LCX": "x",
    }
    values = built(server_env=server).values
    assert {name for name in values if values[name] == "x"} == {name.replace("*", "ALL") for name in PASSED_ON}


def test_the_order_is_server_constants_adapter_job_engine() -> None:
    server = {"TERM": "xterm", "LANG": "C", "TZ": "UTC"}
    values = built({"LANG": "de", "COLUMNS": "80"}, server_env=server, own={"COLUMNS": "1000", "TZ": "CET"}).values
    assert (values["TERM"], values["TZ"], values["LANG"], values["COLUMNS"]) == ("dumb", "CET", "de", "80")
    assert (values["ENGINE_JOB_ID"], values["ENGINE_ATTEMPT_MARKER"]) == ("j", MARKER)


def test_there_is_a_path_even_if_the_server_has_none() -> None:
    assert "/usr/bin" in built().values["PATH"].split(":")


@pytest.mark.parametrize("pattern", DANGEROUS)
def test_every_dangerous_name_is_refused_with_the_way_out(pattern: str) -> None:
    name = pattern.replace("*", "X")
    with pytest.raises(DangerousName, match=f"env.{name} .*remove it, or let the administrator allow the name"):
        built({name: "x"})
    assert built({name: "x"}, allowed=(pattern,)).values[name] == "x"


@pytest.mark.parametrize("name", ["ENGINE_ATTEMPT_MARKER", "ENGINE_JOB_ID", "ENGINE_ANYTHING"])
def test_the_engines_own_names_are_reserved_whatever_is_allowed(name: str) -> None:
    with pytest.raises(DangerousName, match="reserved for the engine"):
        built({name: "x"}, allowed=("*",))


@pytest.mark.parametrize("name", ["", "A=B", "A B", "1A", "A\0"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DangerousName, match="is not a name"):
        built({name: "x"})


def test_a_nul_in_a_value_is_refused() -> None:
    with pytest.raises(DangerousName, match="NUL"):
        built({"A": "a\0b"})


def test_a_constant_may_be_repeated() -> None:
    assert built({"PAGER": "cat"}).values["PAGER"] == "cat"


def test_secrets_keys_and_proxy_passwords_are_masked() -> None:
    job_env = {"ONE": {"secret": "A"}, "OPENAI_API_KEY": "in-the-open", "MAX_TOKENS": "4096", "NAME": "plain"}
    server = {"HTTPS_PROXY": "http://user:p%40ssword@proxy:3128"}
    assert built(job_env, secrets={"A": "from-vault", "B": "not-granted"}, server_env=server).secrets == (
        "from-vault",
        "in-the-open",
        "p@ssword",
    )


def test_paths_resolve_against_the_repository(tmp_path: Path) -> None:
    (tmp_path / "repo/sub").mkdir(parents=True)
    named = {"repo_root": "repo", "working_dir": "sub", "log_file": "logs/x.log"}
    found = paths.resolve({"paths": named}, tmp_path)
    root = tmp_path / "repo"
    assert found == paths.Paths(root, root / "sub", root / "logs/x.log", None)
    assert paths.resolve({}, tmp_path) == paths.Paths(tmp_path, tmp_path, None, None)


def test_a_repository_outside_of_the_allowed_roots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed/link").symlink_to(tmp_path)
    for root in ("/", "..", "allowed/link", "allowed/../other"):
        with pytest.raises(OutsideRoots, match=r"paths\.repo_root .* is outside of the allowed roots"):
            paths.resolve({"paths": {"repo_root": root}}, tmp_path, roots=[tmp_path / "allowed"])
    assert paths.resolve({"paths": {"repo_root": "allowed"}}, tmp_path, roots=[tmp_path / "allowed"])


def test_a_log_may_lie_in_another_allowed_root(tmp_path: Path) -> None:
    document = {"paths": {"repo_root": "repo", "log_file": str(tmp_path / "logs/x.log")}}
    with pytest.raises(OutsideRoots):
        paths.resolve(document, tmp_path)
    assert paths.resolve(document, tmp_path, roots=[tmp_path]).log_file == tmp_path / "logs/x.log"


def test_a_name_that_only_begins_like_a_root_is_outside(tmp_path: Path) -> None:
    assert not paths.inside(tmp_path / "repo-evil", [tmp_path / "repo"])
    assert paths.inside(tmp_path / "repo", [tmp_path / "repo"])


def test_a_path_that_cannot_be_resolved_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutsideRoots, match=r"paths\.log_file"):
        paths.resolve({"paths": {"log_file": "a\0b"}}, tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin/tool"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def found(exe: str, tmp_path: Path, known: tuple[str, ...] = ("tool",), allowed: tuple[str, ...] | None = None) -> str:
    return executable.resolve(
        exe,
        tool="t",
        known=known,
        allowed=allowed,
        env={"PATH": str(tmp_path / "bin")},
        repo_root=tmp_path / "repo",
        cwd=tmp_path / "repo",
    )


def test_a_name_is_looked_up_on_the_tools_own_path(program: Path, tmp_path: Path) -> None:
    assert found("tool", tmp_path) == str(program)
    with pytest.raises(MissingExecutable, match="other is not on this host's PATH"):
        found("other", tmp_path, known=("other",))


def test_a_path_counts_by_its_base_name(program: Path, tmp_path: Path) -> None:
    assert found(str(program), tmp_path) == str(program)
    with pytest.raises(BadCommand):
        found("/bin/sh", tmp_path)
    with pytest.raises(MissingExecutable, match="does not exist"):
        found(str(tmp_path / "gone/tool"), tmp_path)


def test_a_relative_path_stays_in_the_repository_also_through_a_link(program: Path, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/link").symlink_to(program.parent)
    for exe in ("../bin/tool", "link/tool"):
        with pytest.raises(BadCommand, match="leads out of the repository"):
            found(exe, tmp_path)


def test_versions_of_a_program_are_known_by_pattern(tmp_path: Path) -> None:
    assert executable.is_known("/usr/bin/python3.12", ("python3.*",))
    assert not executable.is_known("python3.12-config/sh", ("python3.*",))


def test_what_the_administrator_lists_is_allowed_as_listed(program: Path, tmp_path: Path) -> None:
    assert found(str(program), tmp_path, known=("x",), allowed=(str(program),)) == str(program)
    assert found("tool", tmp_path, known=(), allowed=("tool",)) == str(program)
    for exe in ("tool", str(program)):
        with pytest.raises(BadCommand, match="not among the programs that this server allows"):
            found(exe, tmp_path, known=(), allowed=("something",))
    # A listed name does not open every path that ends in it.
    with pytest.raises(BadCommand):
        found(str(program), tmp_path, known=(), allowed=("tool",))
