import pytest

from schema.suggestions import closest_match

from .documents import only, problems, warnings


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("aidr", "aider"),
        ("Aider", "aider"),
        ("claude-code", "claude"),
        ("gemni", "gemini"),
        ("open_code", "opencode"),
        ("test", "tests"),
        ("zzz", ""),
        ("", ""),
        ("x" * 10_000, ""),
    ],
)
def test_a_tool_that_is_nearly_right_is_recognised(word, meant):
    assert closest_match(word, ["aider", "claude", "gemini", "opencode", "tests", "git"]) == meant


@pytest.mark.parametrize(
    ("changes", "suggestion"),
    [
        ({"tool": "aidr"}, "aider"),
        ({"tool": "Aider"}, "aider"),
        ({"job_id": "my job!"}, "my-job"),
        ({"timeout_seconds": 5}, "metadata.timeout_seconds"),
        ({"timeout": 5}, "metadata.timeout_seconds"),
        ({"retryPolicy": "none"}, "metadata.retry_policy"),
        ({"args": []}, "command.args"),
        ({"working_dir": "."}, "paths.working_dir"),
        ({"environment": {}}, ""),
        ({"command": {"exe": "x", "arguments": []}}, "args"),
        ({"paths": {"workdir": "."}}, "working_dir"),
        ({"paths": {"logfile": "x"}}, "log_file"),
        ({"paths": {"cwd": "x"}}, "working_dir"),
        ({"env": {"A": {"secrets": "X"}}}, None),
        ({"metadata__priority": "hihg"}, "high"),
        ({"metadata__priority": "CRITICAL"}, "critical"),
        ({"metadata__retry_policy": "retry-same"}, "retry_same"),
        ({"metadata__retry_policy": "retry"}, "retry_same"),
        ({"metadata__retry_policy": "escalate_codex"}, "escalate_to_codex"),
        ({"metadata__retry_policy": "escalateToClaude"}, "escalate_to_claude"),
        ({"metadata__retry_policy": ""}, "none"),
        ({"metadata__retry_policy": False}, "none"),
        ({"metadata__timeout_seconds": "600"}, "600"),
        ({"metadata__timeout_seconds": "1.5"}, "1.5"),
        ({"metadata__timeout_seconds": "nan"}, ""),
        ({"metadata__timeout_seconds": "soon"}, ""),
        ({"metadata__max_log_bytes": "2000"}, "2000"),
        ({"metadata__review": "yes"}, "true"),
        ({"metadata__review": 0}, "false"),
        ({"metadata__title": 5}, '"5"'),
        ({"metadata__files_scope": "src/**"}, '["src/**"]'),
        ({"command": "python -m pytest -q"}, '{"exe": "python", "args": ["-m", "pytest", "-q"]}'),
        ({"command": ["git", "diff"]}, '{"exe": "git", "args": ["diff"]}'),
        ({"command": "un'closed"}, ""),
        ({"command": []}, ""),
    ],
)
def test_what_was_probably_meant_is_suggested(changes, suggestion):
    found = problems(**changes)
    if suggestion is None:  # a mistyped key that is also missing: two problems, one of them knows the way out
        assert sorted(problem.suggestion for problem in found.values()) == ["", "secret"]
    else:
        (problem,) = found.values()
        assert problem.suggestion == suggestion


def test_a_key_is_not_renamed_to_one_that_is_there_already():
    problem = only(command={"exe": "x", "args": [], "arguments": []})
    assert problem.message == 'Unknown key "arguments" in command: remove it; args is already present.'
    assert problem.suggestion == ""


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("timeout", "timeout_seconds"),
        ("timeoutSeconds", "timeout_seconds"),
        ("retry-policy", "retry_policy"),
        ("retrypolicy", "retry_policy"),
        ("prioritty", "priority"),
        ("dependson", "depends_on"),
        ("tag", "tags"),
    ],
)
def test_a_key_of_metadata_that_is_nearly_right_is_a_warning(key, meant):
    (warning,) = warnings(metadata={key: "x"})
    assert (warning.pointer, warning.suggestion) == (f"/metadata/{key}", meant)
    assert warning.message == f"Engine stores metadata.{key} but does not use it. Did you mean {meant}?"


def test_an_executable_that_looks_like_a_command_line_is_a_warning():
    (warning,) = warnings(command__exe="python -m pytest")
    assert warning.pointer == "/command/exe" and warning.suggestion == "python"


@pytest.mark.parametrize("exe", ["./my tool", "C:\\Program Files\\tool.exe", "python"])
def test_a_path_with_blanks_is_no_warning(exe):
    assert warnings(command__exe=exe) == []
