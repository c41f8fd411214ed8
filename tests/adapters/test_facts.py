"""What git, the tool, its exit code and the job say together: every combination, and each tool's recorded streams."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from adapters import AdapterError, Reason
from adapters.facts import Exit, Facts, Said, Tree, decide
from adapters.gitinfo import GitUnknown, ask
from tests.adapters.bench import CHANGED, EDITS, UNCHANGED, Bench

ALL = [
    Facts(*values)
    for values in itertools.product((True, False), Exit, Said, Tree, (True, False), (True, False))
    if not (values[4] and values[5])  # a job that reads expects no change
]
AI_TOOLS = ("aider", "claude", "codex", "copilot", "gemini", "opencode")


def expected(facts: Facts) -> Reason | None:
    """The same in sentences, written apart from the table."""
    if facts.stopped or facts.exit is not Exit.SUCCESS or facts.said in (Said.FAILED, Said.UNFINISHED):
        return None  # a failure in somebody's own words
    if facts.tree is Tree.UNKNOWN and (facts.reads or facts.expects):
        return Reason.INFRA
    if facts.tree is Tree.CHANGED:
        return Reason.WROTE_BUT_READING if facts.reads else Reason.OK
    if facts.said is Said.EMPTY:
        return Reason.EMPTY_ANSWER
    if facts.reads:
        return Reason.OK
    if facts.said in (Said.DENIED, Said.EDIT_FAILED):
        return Reason(facts.said.value)
    return Reason.NO_CHANGE if facts.expects and facts.tree is Tree.UNCHANGED else Reason.OK


def test_every_combination_of_facts_has_its_reason() -> None:
    assert len(ALL) == 2 * 3 * 7 * 4 * 3
    assert [facts for facts in ALL if decide(facts) is not expected(facts)] == []


def lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def claude(*events: dict[str, Any], result: str = "Done.", denied: tuple[str, ...] = ()) -> str:
    denials = [{"tool_name": name} for name in denied]
    init = {"type": "system", "subtype": "init", "session_id": "s1"}
    end = {"type": "result", "subtype": "success", "is_error": False, "result": result, "permission_denials": denials}
    return lines(init, *events, end)


def claude_edit(error: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    call = {"type": "tool_use", "id": "c1", "name": "Edit", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c1", "is_error": bool(error), "content": error or "ok"}
    return (
        {"type": "assistant", "message": {"id": "m1", "content": [call]}},
        {"type": "user", "message": {"content": [result]}},
    )


def codex(*events: dict[str, Any], says: str = "Done.") -> str:
    said = {"type": "item.completed", "item": {"type": "agent_message", "text": says}}
    return lines({"type": "thread.started", "thread_id": "t"}, *events, said, {"type": "turn.completed", "usage": {}})


def codex_patch(status: str) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"type": "file_change", "status": status, "changes": [{"path": "a.py"}]}}


def gemini(*events: dict[str, Any], says: str = "Done.") -> str:
    said = {"type": "message", "role": "assistant", "content": says}
    return lines({"type": "init", "session_id": "g"}, *events, said, {"type": "result", "status": "success"})


def gemini_edit(error: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    failed = {"status": "error", "error": {"type": "edit_no_occurrence_found", "message": error}}
    return (
        {"type": "tool_use", "tool_name": "replace", "tool_id": "1"},
        {"type": "tool_result", "tool_id": "1", **(failed if error else {"status": "success"})},
    )


def opencode(*parts: dict[str, Any], says: str = "Done.") -> str:
    events = [{"type": "tool_use", "sessionID": "o", "part": part} for part in parts]
    said = {"type": "text", "sessionID": "o", "part": {"text": says}}
    return lines(*events, said, {"type": "step_finish", "sessionID": "o", "part": {"reason": "stop"}})


def opencode_edit(error: str = "") -> dict[str, Any]:
    state = {"status": "error", "error": error} if error else {"status": "completed"}
    return {"tool": "edit", "callID": "1", "state": state}


def copilot(*events: dict[str, Any], says: str = "Done.") -> str:
    said = {"type": "assistant.message", "data": {"content": says}}
    return lines({"type": "assistant.turn_start", "data": {}}, *events, said, {"type": "result", "exitCode": 0})


def copilot_edit(error: str = "", code: str = "failure") -> tuple[dict[str, Any], dict[str, Any]]:
    start = {"type": "tool.execution_start", "data": {"toolCallId": "1", "toolName": "create"}}
    told = {"toolCallId": "1", "success": not error, "error": {"message": error, "code": code} if error else None}
    return start, {"type": "tool.execution_complete", "data": told}


AIDER = "Aider v0.86.2\n\n{}\n\nTokens: 1.9k sent, 37 received.\n"
REJECTED = "2026 ERROR codex_core::exec: patch rejected: writing is blocked by read-only sandbox\n"
UNAPPLIED = "2026 ERROR codex_core::tools: error=apply_patch verification failed: Failed to find expected lines\n"
NO_MATCH = "0 occurrences found for old_string"
DONE = {
    "aider": AIDER.format("All is well."),
    "claude": claude(),
    "codex": codex(),
    "copilot": copilot(),
    "gemini": gemini(),
    "opencode": opencode(),
}
EMPTY = {
    "aider": "Empty response received from LLM. Check your provider account?\n",
    "claude": claude(result=""),
    "codex": codex(says=""),
    "copilot": copilot(says=""),
    "gemini": gemini(says=""),
    "opencode": opencode(says=""),
}
FAILED_EDITS = {
    "claude": claude(*claude_edit("String to replace not found in file.")),
    "codex": codex(codex_patch("failed")),
    "codex, on stderr": UNAPPLIED + codex(),
    "copilot": copilot(*copilot_edit("No match found")),
    "gemini": gemini(*gemini_edit(NO_MATCH)),
    "opencode": opencode(opencode_edit("oldString not found in content")),
}
DENIED = {
    "claude": claude(denied=("Edit",)),
    "codex": REJECTED + codex(),
    "copilot": copilot(*copilot_edit("Permission to run this tool was denied", "denied")),
    "gemini": gemini(
        {
            "type": "tool_result",
            "tool_id": "1",
            "status": "error",
            "error": {"message": 'Tool "replace" not found in registry.'},
        }
    ),
    "opencode": opencode(opencode_edit("The user rejected permission to use this specific tool call.")),
}
TASK = {
    "aider": ("--message", "x"),
    "claude": ("-p", "x"),
    "codex": ("exec", "x"),
    "copilot": ("-p", "x"),
    "gemini": ("-p", "x"),
    "opencode": ("run", "x"),
}
every_agent = pytest.mark.parametrize("tool", AI_TOOLS)


@every_agent
def test_an_agent_that_says_done_and_did_nothing_failed(tool: str, bench: Bench) -> None:
    assert bench.judged(tool, DONE[tool], args=TASK[tool], git=CHANGED).reason is Reason.OK
    verdict = bench.judged(tool, DONE[tool], args=TASK[tool])
    assert verdict.reason is Reason.NO_CHANGE and "metadata.access to read" in verdict.summary
    for metadata in ({"access": "read"}, {"expect_changes": False}):
        assert bench.judged(tool, DONE[tool], args=TASK[tool], metadata=metadata).reason is Reason.OK


@every_agent
def test_an_agent_that_said_nothing_failed_also_when_it_only_reads(tool: str, bench: Bench) -> None:
    for access in ("read", "write"):
        for log in (EMPTY[tool], ""):
            verdict = bench.judged(tool, log, args=TASK[tool], metadata={"access": access})
            assert verdict.reason is Reason.EMPTY_ANSWER
    assert bench.judged(tool, EMPTY[tool], args=TASK[tool], git=CHANGED).reason is Reason.OK


@pytest.mark.parametrize("case", FAILED_EDITS)
def test_an_edit_that_the_tool_could_not_apply_is_told(case: str, bench: Bench) -> None:
    tool = case.partition(",")[0]
    verdict = bench.judged(tool, FAILED_EDITS[case], args=TASK[tool])
    assert verdict.reason is Reason.EDIT_FAILED and verdict.evidence
    assert bench.judged(tool, FAILED_EDITS[case], args=TASK[tool], git=CHANGED).reason is Reason.OK


@pytest.mark.parametrize(
    "tool, log",
    [
        ("claude", claude(*claude_edit("not found"), *claude_edit())),
        ("codex", UNAPPLIED + codex(codex_patch("failed"), codex_patch("completed"))),
        ("copilot", copilot(*copilot_edit("No match found"), *copilot_edit())),
        ("gemini", gemini(*gemini_edit(NO_MATCH), *gemini_edit())),
        ("opencode", opencode(opencode_edit("oldString not found"), opencode_edit())),
    ],
)
def test_a_later_edit_that_worked_takes_the_failed_one_back(tool: str, log: str, bench: Bench) -> None:
    # Edited and then undone: nothing changed, but no edit is open.
    assert bench.judged(tool, log, args=TASK[tool]).reason is Reason.NO_CHANGE


@pytest.mark.parametrize("tool", DENIED)
def test_what_the_tool_was_kept_from_is_told(tool: str, bench: Bench) -> None:
    verdict = bench.judged(tool, DENIED[tool], args=TASK[tool])
    assert verdict.reason is Reason.DENIED and verdict.details["denials"]
    assert bench.judged(tool, DENIED[tool], args=TASK[tool], metadata={"access": "read"}).reason is Reason.OK


@every_agent
def test_a_reader_that_changed_files_failed_unless_others_were_at_work(tool: str, bench: Bench) -> None:
    bench.stand_in(tool, DONE[tool], body=EDITS)
    job = bench.job(tool, *TASK[tool], access="read")
    verdict = bench.run(job)[1]
    assert verdict.reason is Reason.WROTE_BUT_READING and "greeting.py" in verdict.summary
    assert bench.run(job, tree_is_shared=True)[1].reason is Reason.OK


@pytest.mark.parametrize(
    "tool, args",
    [("codex", ("login", "status")), ("opencode", ("models",)), ("claude", ("--help",)), ("aider", ("-h",))],
)
def test_a_command_without_a_task_need_not_change_anything(tool: str, args: tuple[str, ...], bench: Bench) -> None:
    assert bench.judged(tool, "Logged in\n", args=args).reason is Reason.OK
    assert bench.judged(tool, "", args=args).reason is Reason.OK


def git_says(bench: Bench, words: str) -> None:
    """From now on git refuses there, as it does for a repository of another owner."""
    config = bench.repo / ".git/config"
    config.write_text(config.read_text() + f"[{words}\n")


@every_agent
def test_a_job_that_rests_on_git_is_refused_where_git_refuses(tool: str, bench: Bench) -> None:
    bench.stand_in(tool, DONE[tool])
    git_says(bench, "core")
    with pytest.raises(AdapterError, match=r"git cannot tell the state of .*bad config") as refusal:
        bench.run(bench.job(tool, *TASK[tool]))
    assert refusal.value.reason is Reason.INFRA and not refusal.value.blames_tool


@every_agent
def test_what_git_cannot_tell_afterwards_is_no_success(tool: str, bench: Bench) -> None:
    bench.stand_in(tool, DONE[tool], body=f"{EDITS}; echo '[core' >> .git/config")
    result, verdict = bench.run(bench.job(tool, *TASK[tool]))
    assert not result.success and verdict.reason is Reason.INFRA and "bad config" in verdict.summary
    assert verdict.details["permanent"] and verdict.details["blames"] == "job"


def test_a_job_that_asks_nothing_of_git_runs_where_git_refuses(bench: Bench) -> None:
    bench.stand_in("anything", "hello\n")
    git_says(bench, "core")
    assert bench.run(bench.job("shell", exe="anything"))[1].reason is Reason.OK
    with pytest.raises(AdapterError, match="git cannot tell"):
        bench.run(bench.job("shell", exe="anything", expect_changes=True))


def test_a_change_that_cannot_be_seen_is_not_promised(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("anything")
    job = bench.job("shell", exe="anything", expect_changes=True)
    job["paths"] = {"repo_root": str(bench.home)}
    with pytest.raises(AdapterError, match="is not in a git repository, so the change"):
        bench.run(job)


def test_a_repository_that_the_job_removed_is_no_success(bench: Bench) -> None:
    bench.stand_in("anything", body="rm -rf .git")
    assert bench.run(bench.job("shell", exe="anything", expect_changes=True))[1].reason is Reason.INFRA


def test_git_that_takes_too_long_says_so(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 30\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:/usr/bin:/bin")
    with pytest.raises(GitUnknown, match=r"git status took longer than 0\.2 s"):
        ask(bench.repo, "status", timeout_s=0.2)


@pytest.mark.parametrize("name", ["logs/other.log", "notes.ignored", ".aider.chat.history.md", "__pycache__/a.pyc"])
def test_ignored_files_and_what_engine_and_tools_leave_are_no_change(name: str, bench: Bench) -> None:
    (bench.repo / ".git/info").mkdir(exist_ok=True)
    (bench.repo / ".git/info/exclude").write_text("*.ignored\n")
    bench.stand_in("anything", body=f"mkdir -p logs __pycache__; echo x > {name}")
    assert bench.run(bench.job("shell", exe="anything", expect_changes=True))[1].reason is Reason.NO_CHANGE


def test_the_cache_of_aider_goes_with_the_attempt_unless_it_was_there_before(bench: Bench) -> None:
    cache = bench.repo / ".aider.tags.cache.v4"
    bench.stand_in("aider", DONE["aider"], body=f"{EDITS}; mkdir -p {cache}; echo x > {cache}/cache.db")
    assert bench.run(bench.job("aider", *TASK["aider"]))[1].success
    assert not cache.exists()
    cache.mkdir()
    bench.run(bench.job("aider", *TASK["aider"]))
    assert (cache / "cache.db").exists()


def test_a_commit_of_one_file_is_a_change(bench: Bench) -> None:
    commit = "git -c user.name=T -c user.email=t@localhost commit -qam two"
    bench.stand_in("codex", DONE["codex"], body=f"{EDITS}; {commit}")
    result, verdict = bench.run(bench.job("codex", *TASK["codex"]))
    assert verdict.reason is Reason.OK and result.metadata["git"]["commits"] == 1
    log = subprocess.run(["git", "log", "--oneline"], cwd=bench.repo, capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 2


def test_nothing_that_the_engine_stopped_is_weighed(bench: Bench) -> None:
    verdict = bench.judged("codex", DONE["codex"], None, ended_by="timeout", git=UNCHANGED)
    assert verdict.reason is Reason.TIMEOUT
