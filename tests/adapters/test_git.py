"""git: real commands in a real repository where that is quick, recorded lines where it takes a network."""

from __future__ import annotations

import pytest

from adapters import Reason, get
from tests.adapters.bench import Bench

CASES = {
    "password": ("fatal: could not read Username for 'https://host': terminal prompts disabled\n", 128, Reason.AUTH),
    "ssh key": (
        "git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
        128,
        Reason.AUTH,
    ),
    "no host": ("fatal: unable to access 'https://host/': Could not resolve host: host\n", 128, Reason.NETWORK),
    "lock": ("fatal: Unable to create '/r/.git/index.lock': File exists.\n", 128, Reason.INFRA),
    "disk": ("error: file write error: No space left on device\nfatal: write error\n", 128, Reason.INFRA),
    "fatal": ("fatal: bad revision 'nowhere'\n", 128, Reason.EXIT_CODE),
    "usage": ("error: unknown option `nonsense'\nusage: git status\n", 129, Reason.EXIT_CODE),
    "conflict": (
        "Auto-merging a\nCONFLICT (content): Merge conflict in a\nAutomatic merge failed\n",
        1,
        Reason.EXIT_CODE,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_decides(case: str, bench: Bench) -> None:
    text, exit_code, reason = CASES[case]
    bench.stand_in("git", stderr=text, exit_code=exit_code)
    result, verdict = bench.run(bench.job("git", "fetch"))
    assert (verdict.reason, result.exit_code) == (reason, exit_code)


def test_a_difference_is_a_failure_unless_the_job_takes_it_for_success(bench: Bench) -> None:
    (bench.repo / "greeting.py").write_text("changed\n")
    assert bench.run(bench.job("git", "diff", "--exit-code"))[1].reason is Reason.EXIT_CODE
    assert bench.run(bench.job("git", "diff", "--exit-code", success_exit_codes=[1]))[1].success


def test_a_commit_needs_neither_editor_nor_author(bench: Bench) -> None:
    (bench.repo / "greeting.py").write_text("changed\n")
    result, verdict = bench.run(bench.job("git", "commit", "-q", "-a", "-m", "two", expect_changes=True))
    assert verdict.success, result
    assert "1 file changed, 1 commit" in verdict.summary
    bench.run(bench.job("git", "log", "-1", "--format=%an %s"))
    assert bench.log() == "Engine two\n"


def test_outside_of_a_repository_it_says_fatal(bench: Bench) -> None:
    job = bench.job("git", "status")
    job["paths"] = {"repo_root": str(bench.home)}
    result, verdict = bench.run(job)
    assert result.exit_code == 128 and "not a git repository" in verdict.summary


def test_its_form_takes_what_follows_git(bench: Bench) -> None:
    assert get("git").form_to_command({"arguments": "git diff --stat 'a b'"})["args"] == ["diff", "--stat", "a b"]
