"""Runs that cannot begin: a defined ending and a sentence that names the field and the way out."""

import pytest

from adapters.process import EndedBy, read_ending, run_process
from tests.adapters.process.conftest import Bench, log_of


def refused(bench: Bench, argv: list[str], **changes: object) -> str:
    spec = bench.spec(argv, **changes)
    ending = run_process(spec)
    assert (ending.ended_by, ending.exit_code, ending.signal) == (EndedBy.SPAWN_ERROR, None, None)
    assert read_ending(spec.attempt_dir) == ending
    return ending.error


def test_a_tool_that_is_not_on_the_path_is_named(bench: Bench) -> None:
    assert refused(bench, ["no-such-tool"]) == (
        "no-such-tool could not be started: it is not on the PATH of the job (command.exe)."
    )


def test_a_tool_that_does_not_exist_is_named(bench: Bench) -> None:
    assert "there is no such file (command.exe)" in refused(bench, ["/no/such/tool"])


def test_a_file_that_is_not_executable_is_named(bench: Bench) -> None:
    (bench.root / "plain").write_text("x")
    assert "not executable" in refused(bench, ["./plain"])


def test_a_script_without_first_line_and_one_with_a_wrong_one_are_told_apart(bench: Bench) -> None:
    for name, text, sentence in (("bare", "echo", "first line names none"), ("wrong", "#!/no/such\n", "interpreter")):
        (bench.root / name).write_text(text)
        (bench.root / name).chmod(0o755)
        assert sentence in refused(bench, [f"./{name}"])


def test_a_missing_working_directory_is_named(bench: Bench) -> None:
    sentence = refused(bench, ["true"], cwd=str(bench.root / "gone"))
    assert "gone cannot be entered" in sentence
    assert "paths.working_dir" in sentence


def test_too_long_arguments_name_the_way_out(bench: Bench) -> None:
    assert "command.stdin" in refused(bench, ["true", "x" * 200_000])


@pytest.mark.parametrize("changes", [{"user": "no-such-user"}, {"rlimits": {"nofile": (9, 3)}}, {"rlimits": {"x": 1}}])
def test_what_cannot_be_set_up_is_said(bench: Bench, changes: dict[str, object]) -> None:
    assert refused(bench, ["true"], **changes)


def test_a_nul_in_an_argument_is_a_spawn_error_not_a_crash(bench: Bench) -> None:
    assert "null byte" in refused(bench, ["true", "a\0b"])


def test_a_directory_that_cannot_hold_the_log_refuses_the_run(bench: Bench) -> None:
    (bench.root / "file").write_text("")
    ending = run_process(bench.spec(["touch", "ran"], attempt_dir=bench.root / "file"))
    assert ending.ended_by in (EndedBy.LOG_ERROR, EndedBy.SPAWN_ERROR)
    assert ending.error
    assert not (bench.root / "ran").exists()


def test_an_attempt_that_has_its_ending_is_never_run_again(bench: Bench) -> None:
    spec = bench.spec(["sh", "-c", "echo once >> ran; exit 5"])
    first = run_process(spec)
    second = run_process(spec)
    assert second.ended_by == EndedBy.SPAWN_ERROR
    assert "an attempt runs once" in second.error
    assert read_ending(spec.attempt_dir) == first
    assert log_of(spec) == b""
    assert (bench.root / "ran").read_text() == "once\n"
