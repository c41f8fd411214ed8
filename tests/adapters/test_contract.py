"""The suite that every adapter passes, the built-in ones and those of third parties."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import schema
from adapters import TOOL_RUNNERS, Adapter, AdapterError, JobResult, Reason, Verdict, adapters, execute, get
from adapters.errors import BadCommand, DangerousName, MissingDirectory, MissingExecutable, MissingSecret, OutsideRoots
from tests.adapters.bench import EDITS, Bench

TOOLS = sorted(adapters())
AI_TOOLS = ("aider", "claude", "codex", "copilot", "gemini", "opencode")
# A job that each tool accepts, as the arguments a person would write.
ARGUMENTS = {
    "aider": ("--message", "Fix the bug"),
    "claude": ("-p", "Fix the bug"),
    "codex": ("exec", "Fix the bug"),
    "copilot": ("-p", "Fix the bug"),
    "gemini": ("-p", "Fix the bug"),
    "opencode": ("run", "Fix the bug"),
    "tests": ("-q",),
    "git": ("status",),
    "shell": ("hello",),
}
PROGRAMS = {"tests": "pytest", "shell": "anything"}

every_tool = pytest.mark.parametrize("tool", TOOLS)


def plain_job(bench: Bench, tool: str, **metadata: Any) -> dict[str, Any]:
    program = PROGRAMS.get(tool, tool)
    if not (bench.bin / program).exists():
        # An AI tool that changes nothing has not done its job.
        bench.stand_in(program, "all is well\n", body=EDITS if tool in AI_TOOLS else "")
    return bench.job(tool, *ARGUMENTS[tool], exe=program, **metadata)


@dataclass(frozen=True)
class Ordinary:
    """One ordinary run of a tool, for all tests that only look at it."""

    tool: str
    bench: Bench
    result: JobResult
    verdict: Verdict


HOSTS = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
SERVERS = {"DATABASE_URL": "x", "ENGINE_SECRET_KEY": "x", "OPENAI_API_KEY": "x", "DJANGO_SETTINGS_MODULE": "x"}


@pytest.fixture(scope="module", params=TOOLS)
def ordinary(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, repository_template: Path
) -> Ordinary:
    bench = Bench(tmp_path_factory.mktemp(request.param), repository_template)
    env = {**bench.context().server_env, **HOSTS, **SERVERS}
    return Ordinary(request.param, bench, *bench.run(plain_job(bench, request.param), server_env=env))


def test_nothing_waits_for_a_terminal(ordinary: Ordinary) -> None:
    env = ordinary.bench.env()
    assert ordinary.bench.stdin() == ""
    assert env["TERM"] == "dumb" and env["NO_COLOR"] == "1" and env["GIT_TERMINAL_PROMPT"] == "0"
    assert env["GIT_EDITOR"] == "true" and env["PAGER"] == "cat"


def test_the_servers_environment_does_not_reach_it(ordinary: Ordinary) -> None:
    env = ordinary.bench.env()
    assert not env.keys() & SERVERS.keys()
    assert env.items() >= HOSTS.items()
    assert env["ENGINE_JOB_ID"] == "job-1" and env["ENGINE_ATTEMPT_MARKER"] == ordinary.bench.marker


def test_what_the_person_wrote_stays_in_order(ordinary: Ordinary) -> None:
    words = iter(ordinary.bench.argv())
    assert all(word in words for word in ARGUMENTS[ordinary.tool])


def test_success_is_told(ordinary: Ordinary) -> None:
    result = ordinary.result
    assert (result.success, result.status, result.reason, result.exit_code) == (True, "completed", "ok", 0)
    assert ordinary.verdict.success and result.error_report_path == ""
    assert Path(result.log_path).read_text() == "all is well\n"


@every_tool
def test_it_satisfies_the_protocol(tool: str) -> None:
    adapter = get(tool)
    assert isinstance(adapter, Adapter)
    assert adapter.name == tool
    assert adapter.default_idle_s is None or adapter.default_idle_s > 60
    assert tool in TOOL_RUNNERS


@every_tool
def test_its_example_is_valid_and_another_tools_is_not(tool: str) -> None:
    examples = schema.examples()
    assert get(tool).validate_job(examples[tool])
    assert not any(get(tool).validate_job(examples[other]) for other in examples if other != tool)


@every_tool
def test_it_refuses_a_document_that_is_not_a_job(tool: str) -> None:
    assert not get(tool).validate_job({"tool": tool})
    assert not get(tool).validate_job({**schema.examples()[tool], "command": {"exe": 7}})


@every_tool
def test_its_info_names_tool_capabilities_and_availability(tool: str) -> None:
    info = get(tool).get_tool_info()
    assert info["tool"] == tool
    assert info["capabilities"]
    assert isinstance(info["available"], bool)
    assert json.dumps(info)


@every_tool
def test_its_form_makes_a_command_that_the_schema_takes(tool: str, bench: Bench) -> None:
    adapter = get(tool)
    assert adapter.fields
    values = {field.name: field.default or ("some text" if field.required else "") for field in adapter.fields}
    command = adapter.form_to_command(values)
    assert schema.check({**schema.examples()[tool], "command": command}, tools=TOOLS).ok


@every_tool
def test_the_jobs_own_environment_wins(tool: str, bench: Bench) -> None:
    own = getattr(get(tool), "own_env", {})
    wanted = {**dict.fromkeys(own, "mine"), "HOME": "/nowhere", "SOME_FLAG": "on"}
    bench.run({**plain_job(bench, tool), "env": wanted})
    assert wanted.items() <= bench.env().items()


@every_tool
def test_it_refuses_dangerous_names(tool: str, bench: Bench) -> None:
    for name in ("LD_PRELOAD", "BASH_ENV", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "PATH", "IFS"):
        value = f"{bench.bin}:x"
        job = {**plain_job(bench, tool), "env": {name: value}}
        with pytest.raises(DangerousName, match=f"env.{name} "):
            get(tool).prepare(job, bench.context())
        assert get(tool).prepare(job, bench.context(allowed_env=(name,))).env[name] == value


@every_tool
def test_a_secret_reaches_the_tool_but_neither_log_nor_display(tool: str, bench: Bench) -> None:
    job = plain_job(bench, tool)
    bench.stand_in(job["command"]["exe"], "the key is k3y-in-the-vault\n")
    bench.secrets["VAULT"] = "k3y-in-the-vault"
    job["env"] = {"SERVICE": {"secret": "VAULT"}}
    job["command"]["args"] += ["k3y-in-the-vault"]
    command = get(tool).prepare(job, bench.context())
    bench.run(job)
    assert bench.env()["SERVICE"] == "k3y-in-the-vault"
    assert "k3y-in-the-vault" not in bench.log()
    assert not any("k3y" in word for word in command.display)


@every_tool
def test_a_secret_that_is_not_there_is_named(tool: str, bench: Bench) -> None:
    job = {**plain_job(bench, tool), "env": {"SERVICE": {"secret": "VAULT"}}}
    with pytest.raises(MissingSecret, match=r"env\.SERVICE names the secret 'VAULT'"):
        get(tool).prepare(job, bench.context())


@pytest.mark.parametrize("tool", sorted(set(TOOLS) - {"git"}))  # git is on every PATH
def test_a_missing_program_is_a_clear_sentence_and_a_report(tool: str, bench: Bench) -> None:
    job = plain_job(bench, tool)
    (bench.bin / job["command"]["exe"]).unlink()
    job["command"]["exe"] = program = PROGRAMS.get(tool, tool)
    with pytest.raises(MissingExecutable, match=f"{program} is not on this host's PATH; install it or set command.exe"):
        execute(get(tool), job, bench.context())
    result = get(tool).run_job(job, bench.context())  # type: ignore[call-arg]
    assert (result.success, result.status, result.reason, result.exit_code) == (False, "failed", "infra", None)
    report = json.loads(Path(result.error_report_path).read_text())
    assert report["category"] == "infra" and "install it" in report["summary"] and report["job_id"] == "job-1"


@every_tool
def test_another_program_is_refused(tool: str, bench: Bench) -> None:
    bench.stand_in("impostor")
    job = {**plain_job(bench, tool), "command": {"exe": "impostor", "args": []}}
    allowed = ("impostor",)
    if tool != "shell":
        with pytest.raises(BadCommand, match=r"command\.exe 'impostor'"):
            get(tool).prepare(job, bench.context())
    with pytest.raises(BadCommand, match=r"command\.exe 'impostor'"):
        get(tool).prepare(job, bench.context(allowed_executables=("something-else",)))
    assert get(tool).prepare(job, bench.context(allowed_executables=allowed)).argv[0] == str(bench.bin / "impostor")


@every_tool
def test_a_missing_directory_is_named(tool: str, bench: Bench) -> None:
    job = plain_job(bench, tool)
    job["paths"]["working_dir"] = "nowhere"
    with pytest.raises(MissingDirectory, match=r"paths\.working_dir .*nowhere does not exist"):
        execute(get(tool), job, bench.context())
    assert not (bench.repo / "nowhere").exists()


@every_tool
def test_no_path_leads_out_of_the_repository(tool: str, bench: Bench) -> None:
    (bench.repo / "link").symlink_to(bench.home)
    for key in ("working_dir", "log_file", "error_report"):
        for escape in ("../outside", "link/file", str(bench.home / "file")):
            job = plain_job(bench, tool)
            job["paths"][key] = escape
            with pytest.raises(OutsideRoots, match=f"paths.{key} leads out"):
                execute(get(tool), job, bench.context())
    assert not any(bench.home.iterdir())


@every_tool
def test_raw_command_adds_nothing(tool: str, bench: Bench) -> None:
    bench.run(plain_job(bench, tool, raw_command=True))
    assert bench.argv() == list(ARGUMENTS[tool])


@every_tool
def test_a_change_that_was_expected_and_is_missing_is_no_success(tool: str, bench: Bench) -> None:
    job = plain_job(bench, tool, expect_changes=True)
    bench.stand_in(job["command"]["exe"], "all is well\n")
    assert bench.run(job)[1].reason is Reason.NO_CHANGE
    bench.stand_in(job["command"]["exe"], body=EDITS)
    assert bench.run(job)[1].reason is Reason.OK


@every_tool
def test_failure_leaves_an_error_report(tool: str, bench: Bench) -> None:
    job = plain_job(bench, tool)
    bench.stand_in(job["command"]["exe"], "first\nerror: it is broken\n", 1)
    result, verdict = bench.run(job)
    assert not result.success and result.exit_code == 1 and result.status == "failed"
    report = json.loads((bench.repo / "logs/job.error.json").read_text())
    expected = {"job_id": "job-1", "run_id": "run-1", "workstream_id": "ws-1", "tool": tool, "exit_code": 1}
    assert expected.items() <= report.items()
    assert report["category"] == verdict.reason and report["log_tail"].endswith("error: it is broken")


ENDINGS = {
    "timeout": (Reason.TIMEOUT, "timeout"),
    "idle": (Reason.STALLED, "timeout"),
    "cancel": (Reason.CANCELLED, "cancelled"),
    "spawn_error": (Reason.INFRA, "failed"),
    "log_error": (Reason.INFRA, "failed"),
    "lifeline": (Reason.LOST, "failed"),
    "deadman": (Reason.LOST, "failed"),
}


@every_tool
def test_how_the_engine_ended_it_wins_over_the_exit_code(tool: str, bench: Bench) -> None:
    for ended_by, expected in ENDINGS.items():
        for exit_code in (0, 1, 130):
            verdict = bench.judged(tool, "all is well\n", exit_code, ended_by=ended_by, error="no such file")
            assert (verdict.reason, verdict.status) == expected


@every_tool
def test_a_signal_that_nobody_sent_is_a_crash(tool: str, bench: Bench) -> None:
    verdict = bench.judged(tool, "", None, signal=9)
    assert verdict.reason is Reason.CRASHED and "SIGKILL" in verdict.summary


@every_tool
def test_a_command_that_cannot_be_run_is_the_scripts_own_fault_and_a_broken_agents_is_infra(
    tool: str, bench: Bench
) -> None:
    expected = Reason.INFRA if tool in AI_TOOLS else Reason.EXIT_CODE
    verdicts = [bench.judged(tool, "", code) for code in (126, 127)]
    assert {verdict.reason for verdict in verdicts} == {expected}
    assert "could not be executed" in verdicts[0].summary and "not found" in verdicts[1].summary


@every_tool
def test_an_exit_code_that_the_job_takes_for_success_is_one(tool: str, bench: Bench) -> None:
    job = plain_job(bench, tool, success_exit_codes=[0, 3])
    bench.stand_in(job["command"]["exe"], exit_code=3, body=EDITS)
    assert bench.run(job)[1].reason is Reason.OK


@every_tool
def test_it_survives_any_log(tool: str, bench: Bench) -> None:
    odd = [
        '{"type": 7}',
        '{"type":"result","usage":[1],"errors":3,"stats":"x"}',
        "{",
        "[1]",
        '{"type":"item.completed","item":5}',
        '{"type":"error","error":"text"}',
        '{"type":"step_finish","part":[]}',
        '{"type":"tool_use","part":{"state":1}}',
        "Tokens: ? sent, x received.",
        "\x1b[31m\x1b]0;title\x07red\x1b[0m",
        "\ufffd\u2028",
    ]
    for exit_code in (0, 1, 2, 200):
        for line in (*odd, "\n".join(odd)):
            assert bench.judged(tool, line + "\n", exit_code).reason in Reason


@pytest.mark.parametrize("tool", AI_TOOLS)
def test_a_prompt_survives_the_way_into_a_command_and_back(tool: str, bench: Bench) -> None:
    bench.stand_in(tool)
    for prompt in ("Fix the bug", "-starts with a dash", 'quotes " and \n lines', "x" * 300_000):
        command = get(tool).command_for_prompt(prompt, {})
        job = {**plain_job(bench, tool), "command": command}
        assert get(tool).prompt_of(job) == prompt
        bench.run(job)
        file = bench.attempt / "prompt.md"
        given = file.read_text() if file.exists() else bench.stdin() or "\n".join(bench.argv())
        assert prompt in given
        file.unlink(missing_ok=True)
        assert not any(len(word) > 100_000 for word in get(tool).prepare(job, bench.context()).argv)


@pytest.mark.parametrize("tool", AI_TOOLS)
def test_a_long_prompt_leaves_the_argv(tool: str, bench: Bench) -> None:
    prompt = "please " * 3000
    bench.run({**plain_job(bench, tool), "command": {"exe": tool, "args": [*ARGUMENTS[tool][:-1], prompt]}})
    assert prompt not in bench.argv()
    file = bench.attempt / "prompt.md"
    assert prompt == (file.read_text() if file.exists() else bench.stdin())


@pytest.mark.parametrize("tool", sorted(set(TOOLS) - set(AI_TOOLS)))
def test_a_tool_without_a_model_takes_no_prompt(tool: str, bench: Bench) -> None:
    assert get(tool).prompt_of(plain_job(bench, tool)) is None
    with pytest.raises(AdapterError, match="takes no prompt"):
        get(tool).command_for_prompt("Fix the bug", {})
