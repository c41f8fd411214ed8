"""Handing a job over: what the next tool gets, what is shown of it, and what happens where it cannot work."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from adapters.verdict import Reason, Verdict
from jobs.models import Job, Project, Secret, StepAttempt
from jobs.pages.shared.policy_labels import in_words
from jobs.services.accounts import secrets
from jobs.services.outcome.retry_policy import Past, Policy, decide
from jobs.services.outcome.settle import settle
from jobs.services.reading.redaction import shown_document
from jobs.services.submission.submit import check, submit
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_document, make_job, make_user

pytestmark = pytest.mark.django_db
STEP = {"tool": "claude", "model": "opus", "args": ["--max-turns", "3"], "env": {"ANTHROPIC_API_KEY": "sk-second-key"}}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with the tools, none of which is logged in."""
    for name in ("aider", "codex", "claude"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def failing(*steps: Any, **fields: Any) -> tuple[Job, StepAttempt]:
    spec = make_document(
        tool="aider",
        command={"exe": "aider", "args": ["--message", "Fix the greeting"]},
        env={"MISTRAL_API_KEY": "sk-first-key", "PLACE": "here"},
        metadata={"retry_policy": {"escalate_to": list(steps)}},
    )
    job = make_job(JobStatus.RUNNING, spec=spec, **fields)
    attempt = make_attempt(job, AttemptStatus.RUNNING, fence=job.fence, worker_pid=1, log_dir="attempts/one")
    attempt.directory.mkdir(parents=True, exist_ok=True)
    return job, attempt


def ended(job: Job, attempt: StepAttempt, *, log: str = "", **details: Any) -> Job:
    (attempt.directory / "output.log").write_text(log)
    settle(attempt, Verdict(Reason.TESTS_FAILED, "2 tests fail", "aider:tests", details=details))
    job.refresh_from_db()
    return job


def test_the_next_tool_gets_its_own_model_arguments_and_environment() -> None:
    job = ended(*failing(STEP))
    document = job.document()
    assert (job.status, job.tool, job.escalation_level) == ("queued", "claude", 1)
    assert document["command"]["args"] == ["--model", "opus", "-p", "--max-turns", "3"]
    assert document["env"] == {"PLACE": "here", "ANTHROPIC_API_KEY": "sk-second-key"}


def test_a_secret_that_a_step_names_is_given_to_that_step_alone() -> None:
    secrets.put("CLAUDE_KEY", "sk-stored-key", by="mara")
    secrets.grant("CLAUDE_KEY", tool="claude", by="mara")
    job, attempt = failing({**STEP, "env": {"ANTHROPIC_API_KEY": {"secret": "CLAUDE_KEY"}}})
    assert secrets.granted(job) == {}
    assert secrets.granted(ended(job, attempt)) == {"CLAUDE_KEY": "sk-stored-key"}
    assert Secret.objects.count() == 1


def test_the_values_of_a_step_are_hidden_like_the_jobs() -> None:
    job, _ = failing(STEP)
    shown = shown_document(job.spec)
    assert "sk-second-key" not in str(shown) and "opus" in str(shown)


def test_a_tool_that_is_not_set_up_is_passed_over_with_a_word() -> None:
    job = ended(*failing("codex", STEP))
    assert (job.tool, job.escalation_level) == ("claude", 2)
    assert job.summary.startswith(
        "Escalated to claude; it could not be handed over to codex: codex is not set up: no key"
    )


def test_where_no_tool_is_set_up_the_job_ends_and_says_why() -> None:
    job = ended(*failing({"tool": "codex", "env": {}}, "gemini"))
    assert job.status == "failed"
    assert "2 tests fail; it could not be handed over to codex: codex is not set up" in job.summary
    assert "gemini is not installed on this host" in job.summary


def test_what_the_next_tool_is_told_is_shown_on_page_and_api(client: Client) -> None:
    job = ended(*failing(STEP), log="noise\nTraceback\nAssertionError: no\n", failing=["test_a"])
    attempt = make_attempt(job, AttemptStatus.RUNNING, step_name="claude", handoff=job.handoff)
    client.force_login(make_user(admin=True))
    told = client.get(f"/api/v1/attempts/{attempt.pk}").json()["told"]
    assert told.startswith("Fix the greeting\n\n\nAn earlier attempt with aider ended like this: 2 tests fail")
    assert "- test_a" in told and "AssertionError: no" in told
    page = client.get(f"/jobs/{job.job_id}").content.decode()
    assert "What claude was told" in page and "An earlier attempt with aider ended like this" in page


def test_the_log_that_is_handed_over_begins_with_a_whole_line_near_the_first_error() -> None:
    job, attempt = failing(STEP)
    log = "".join(f"start-up noise {number}\n" for number in range(40)) + "error: it broke\nthe reason\n"
    StepAttempt.objects.filter(pk=attempt.pk).update(log_lines=42, first_error_line=41)
    attempt.refresh_from_db()
    part = ended(job, attempt, log=log).handoff["log_tail"].splitlines()
    assert part[0] == "start-up noise 30" and part[-2:] == ["error: it broke", "the reason"]
    long = "x" * 300 + "\n"
    again = ended(*failing(STEP), log=long * 40).handoff["log_tail"].splitlines()
    assert {len(line) for line in again} == {300}


def test_a_tool_of_events_is_quoted_with_its_last_words_and_notes() -> None:
    log = '{"type": "thread.started"}\n' * 50 + "ERROR patch rejected\n"
    part = ended(*failing(STEP), log=log, text="I could not edit it.").handoff["log_tail"]
    assert part == "I could not edit it.\nERROR patch rejected"


def test_what_a_policy_shows_is_what_happens() -> None:
    policy = Policy.parse("escalate_to_codex")
    failure, history, tools = Verdict(Reason.EXIT_CODE, "no", "exit:1"), list[Past](), list[str]()
    level, tool = 0, "aider"
    for _ in range(9):
        tools.append(tool)
        history.append(Past("exit_code", 1, level))
        decision = decide(policy, failure, 1, history, escalation_level=level)
        if decision.action == "escalate":
            level, tool = decision.level, decision.tool
        elif decision.action != "retry":
            break
    assert tools == ["aider", "aider", "codex", "codex"]
    assert in_words("aider", "escalate_to_codex") == "2 × aider, then 2 × codex"


def test_the_dry_run_says_what_engine_adds_to_each_tool_and_what_is_not_set_up(tmp_path: Path) -> None:
    document = make_document(
        tool="claude",
        command={"exe": "claude", "args": ["-p", "Fix"]},
        paths={"repo_root": str(tmp_path)},
        env={"ANTHROPIC_API_KEY": "sk-key"},
        metadata={"retry_policy": {"escalate_to": ["codex"]}},
    )
    first, second = check(document).adds
    assert (first.tool, first.permissions, first.trouble) == ("claude", "edit", "")
    assert first.sentence == "Engine adds --permission-mode acceptEdits: claude may edit files without asking."
    assert second.arguments == ("--sandbox", "workspace-write") and "codex is not set up" in second.trouble


def test_the_innermost_project_decides_when_the_job_is_submitted(tmp_path: Path) -> None:
    Project.objects.create(root=str(tmp_path), name="all", permissions="full")
    inner = tmp_path / "inner"
    inner.mkdir()
    Project.objects.create(root=str(inner), name="inner", permissions="own")
    words = {"tool": "claude", "command": {"exe": "claude", "args": ["-p", "Fix"]}}
    outer_job = submit(make_document(**words, paths={"repo_root": str(tmp_path)}))
    inner_job = submit(make_document(**words, paths={"repo_root": str(inner)}))
    assert (outer_job.permissions, inner_job.permissions) == ("full", "own")
    assert check(make_document(**words, paths={"repo_root": str(inner)})).adds[0].arguments == ()


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        (
            {"command": {"exe": "/opt/evil", "args": []}},
            "/command/exe",
            "not among the programs that this server allows",
        ),
        ({"tool": "claude", "command": {"exe": "bash", "args": []}}, "/command/exe", "not a program that the tool"),
        ({"env": {"LD_PRELOAD": "/tmp/x.so"}}, "/env", "env.LD_PRELOAD makes programs load"),
    ],
)
def test_the_check_refuses_what_the_start_would_refuse(
    changes: dict[str, Any], pointer: str, words: str, tmp_path: Path, settings: Any
) -> None:
    settings.ENGINE_EXECUTABLES = ["python3"]
    report = check(make_document(paths={"repo_root": str(tmp_path)}, **changes))
    assert [(problem.pointer, words in problem.message) for problem in report.problems] == [(pointer, True)]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Fix\x1b]0;owned\x07 it", "Fix\\u001b]0;owned\\u0007 it"),
        ("photo\u202egnp.exe", "photo\\u202egnp.exe"),
        ("Grüße 👩\u200d💻", "Grüße 👩\u200d💻"),
    ],
)
def test_a_title_that_would_act_on_a_terminal_is_made_visible(title: str, shown: str, tmp_path: Path) -> None:
    paths = {"repo_root": str(tmp_path)}
    assert submit(make_document(paths=paths, metadata={"title": title})).title == shown
    prompt = make_document(tool="claude", command={"exe": "claude", "args": ["-p", title]}, paths=paths)
    assert submit(prompt).title == shown
