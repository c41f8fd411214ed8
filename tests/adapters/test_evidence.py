"""What an attempt left behind: its log, its own files, and what git knows."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from adapters import Ending, Evidence, Reason, Verdict, gitinfo, repo_scan, report
from adapters.errors import OutsideRoots
from adapters.process import EndedBy
from tests.adapters.bench import Bench


def evidence(place: Path, log: bytes, secrets: tuple[str, ...] = ()) -> Evidence:
    (place / "output.log").write_bytes(log)
    return Evidence(place, secrets=secrets)


def test_lines_are_plain_text(tmp_path: Path) -> None:
    log = b"\x1b[31mred\x1b[0m\r\n\xff bytes\n\x1b]0;title\x07last"
    assert list(evidence(tmp_path, log).lines()) == ["red", "\ufffd bytes", "last"]


def test_json_lines_skip_what_is_no_object(tmp_path: Path) -> None:
    log = b'note\n{"a": 1}\n{broken\n[1]\n"x"\n{"b": 2}' + b"\n" + b"{" * 100_000
    assert list(evidence(tmp_path, log).json_lines()) == [{"a": 1}, {"b": 2}]


def test_a_line_without_an_end_is_cut_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.evidence.LONGEST_LINE", 10)
    assert list(evidence(tmp_path, b"x" * 95 + b"\nshort\n" + b"y" * 10 + b"\nend").lines()) == [
        "x" * 10,
        "short",
        "y" * 10,
        "end",
    ]


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    found = evidence(tmp_path, b"first line\nsecond\nthird\n\n")
    assert found.tail(14) == "third\n"
    assert found.tail() == "first line\nsecond\nthird\n"
    assert found.last_line() == "third"


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    found = Evidence(tmp_path)
    assert (found.tail(), found.last_line(), list(found.lines()), found.file("none")) == ("", "", [], b"")


def test_a_tools_own_files_are_masked(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "junit.xml").write_text("the key is from-vault, not abc")
    assert evidence(tmp_path, b"", ("from-vault", "abc")).file("junit.xml") == b"the key is ***, not abc"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_tool_cannot_have_another_file_read_for_its_own(kind: str, tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "secret").write_text("Engine's key")
    report = tmp_path / "tool" / "junit.xml"
    report.symlink_to(tmp_path / "secret") if kind == "link" else os.mkfifo(report)
    assert Evidence(tmp_path).file("junit.xml") == b""


def commit(repo: Path, message: str) -> None:
    author = ["-c", "user.name=T", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *author, "commit", "-q", "-a", "-m", message], cwd=repo, check=True)


def test_git_tells_what_changed(bench: Bench) -> None:
    before = gitinfo.look(bench.repo)
    (bench.repo / "greeting.py").write_text("changed\n")
    (bench.repo / "new file.txt").write_text("new\n")
    commit(bench.repo, "two")
    change = gitinfo.compare(before, gitinfo.look(bench.repo))
    assert change and change.changed
    assert (change.commits, change.changed_files, change.files) == (1, 2, ("greeting.py", "new file.txt"))
    assert change.base_head != change.head and change.dirty_after == 1


def test_a_file_that_was_dirty_before_counts_when_it_changes_again(bench: Bench) -> None:
    (bench.repo / "greeting.py").write_text("dirty\n")
    before = gitinfo.look(bench.repo)
    change = gitinfo.compare(before, gitinfo.look(bench.repo))
    assert change and not change.changed and change.dirty_before == 1
    (bench.repo / "greeting.py").write_text("dirty again\n")
    change = gitinfo.compare(before, gitinfo.look(bench.repo))
    assert change and change.files == ("greeting.py",)


def test_a_rename_is_two_names_and_the_rest_of_the_list_survives(bench: Bench) -> None:
    before = gitinfo.look(bench.repo)
    subprocess.run(["git", "mv", "greeting.py", "hello.py"], cwd=bench.repo, check=True)
    (bench.repo / "z.txt").write_text("z")
    change = gitinfo.compare(before, gitinfo.look(bench.repo))
    assert change and change.files == ("hello.py", "z.txt")


def test_own_files_and_litter_are_no_change(bench: Bench) -> None:
    for name in ("logs/job.log", "pkg/__pycache__/x.pyc", ".aider.tags.cache.v4/cache.db", ".pytest_cache/README.md"):
        (bench.repo / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.repo / name).write_text("x")
    found = gitinfo.look(bench.repo, ignore=[bench.repo / "logs/job.log"])
    assert found and not found.dirty


def test_outside_of_a_repository_git_knows_nothing(tmp_path: Path) -> None:
    assert gitinfo.look(tmp_path) is None
    assert gitinfo.compare(None, None) is None


def test_a_repository_without_a_commit_has_an_empty_head(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    before = gitinfo.look(tmp_path)
    assert before and before.head == ""
    (tmp_path / "a").write_text("a")
    subprocess.run(["git", "add", "a"], cwd=tmp_path, check=True)
    commit(tmp_path, "one")
    change = gitinfo.compare(before, gitinfo.look(tmp_path))
    assert change and (change.commits, change.files) == (1, ("a",))


def test_looking_at_a_repository_runs_nothing_of_it(bench: Bench) -> None:
    trap = bench.root / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {bench.root}/sprung\n")
    trap.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(trap)], cwd=bench.repo, check=True)
    subprocess.run(["git", "config", "diff.external", str(trap)], cwd=bench.repo, check=True)
    before = gitinfo.look(bench.repo)
    (bench.repo / "greeting.py").write_text("changed\n")
    subprocess.run(["git", "-c", "core.fsmonitor=false", "add", "."], cwd=bench.repo, check=True)
    assert gitinfo.compare(before, gitinfo.look(bench.repo))
    assert not (bench.root / "sprung").exists()


def written(bench: Bench, path: Path, roots: list[Path]) -> Path:
    verdict = Verdict(Reason.AUTH, "The provider refused the key", "r", ("quoted",), details={"n": 1})
    return report.write(
        path,
        job=bench.job("aider"),
        verdict=verdict,
        ending=Ending(EndedBy.EXIT, exit_code=0),
        attempt_dir=bench.attempt,
        attempt=2,
        roots=roots,
    )


def test_a_report_is_written_whole_and_leaves_nothing_beside_it(bench: Bench) -> None:
    (bench.attempt / "output.log").write_text("the end\n")
    path = written(bench, bench.repo / "logs/error.json", [bench.repo])
    told = json.loads(path.read_text())
    assert (told["category"], told["attempt"], told["exit_code"], told["log_tail"]) == ("auth", 2, 0, "the end")
    assert told["details"]["n"] == 1 and told["details"]["evidence"] == ["quoted"]
    assert [entry.name for entry in path.parent.iterdir()] == ["error.json"]


def test_a_link_that_the_tool_left_does_not_lead_the_report_out(bench: Bench) -> None:
    (bench.repo / "logs").symlink_to(bench.home)
    with pytest.raises(OutsideRoots):
        written(bench, bench.repo / "logs/error.json", [bench.repo])
    assert not any(bench.home.iterdir())


def test_a_repository_is_scanned_for_what_redirects_a_tool(bench: Bench) -> None:
    assert repo_scan.scan(bench.repo) == []
    (bench.repo / ".env").write_text("# a comment\nNAME=x\n")
    assert repo_scan.scan(bench.repo) == []
    (bench.repo / ".env").write_text("NAME=x\nexport OPENAI_API_BASE=http://elsewhere\n")
    (bench.repo / ".opencode/plugin").mkdir(parents=True)
    (bench.repo / ".opencode/plugin/x.js").write_text("")
    (bench.repo / ".mcp.json").write_text("{}")
    (bench.repo / "sub").mkdir()
    found = {(one.tool, one.path): one.neutralised for one in repo_scan.scan(bench.repo / "sub")}
    assert found == {
        ("aider", ".env"): False,
        ("gemini", ".env"): False,
        ("opencode", ".opencode/plugin"): False,
        ("claude", ".mcp.json"): True,
        ("copilot", ".mcp.json"): True,
    }
    assert [one.path for one in repo_scan.scan(bench.repo, "claude")] == [".mcp.json"]
