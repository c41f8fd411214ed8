import time

import pytest

from schema import check, parse
from schema.limits import MAX_PROBLEMS

from .documents import REFERENCE, TOOLS, job, only, problems, warnings


def test_the_reference_job_has_no_problem():
    assert problems() == {}


@pytest.mark.parametrize("key", ["job_id", "run_id", "workstream_id", "tool", "command"])
def test_a_missing_key_is_reported_where_it_belongs(key):
    problem = only(**{key: None})
    assert problem.pointer == f"/{key}"
    assert problem.message == f"{key} is missing: the document requires it."
    assert problem.found == "nothing" and problem.allowed


def test_a_command_without_exe_is_reported():
    problem = only(command={"args": []})
    assert (problem.pointer, problem.message) == ("/command/exe", "command.exe is missing: command requires it.")


@pytest.mark.parametrize("key", ["env", "paths", "metadata"])
def test_what_is_optional_may_be_missing(key):
    assert problems(**{key: None}) == {}


def test_arguments_and_every_path_may_be_missing():
    assert problems(command={"exe": "make"}, paths={}) == {}


@pytest.mark.parametrize("value", [[], "job", 5, None, True])
def test_a_document_that_is_not_an_object_is_reported(value):
    (problem,) = check(value).problems
    assert problem.pointer == "" and problem.message.startswith("The document is ")


@pytest.mark.parametrize("value", ["a", "A.b_c:d-9", "9", "x" * 120])
@pytest.mark.parametrize("key", ["job_id", "run_id", "workstream_id"])
def test_an_id_takes_letters_digits_and_four_signs(key, value):
    assert problems(**{key: value}) == {}


@pytest.mark.parametrize("value", ["", "-a", ".a", "a b", "a/b", "a\n", "ä", "x" * 121])
def test_an_id_takes_nothing_else(value):
    problem = only(job_id=value)
    assert problem.pointer == "/job_id" and "1 to 120 letters" in problem.allowed


def test_an_unknown_key_is_reported():
    problem = only(colour="red")
    assert problem.message == 'Unknown key "colour" in the document: remove it; custom keys belong in metadata.'
    assert "job_id" in problem.allowed and problem.suggestion == ""


@pytest.mark.parametrize(
    ("changes", "pointer", "found"),
    [
        ({"tool": 5}, "/tool", "5"),
        ({"command__args": "x"}, "/command/args", '"x"'),
        ({"command__args": ["x", None]}, "/command/args/1", "null"),
        ({"command__stdin": ["x"]}, "/command/stdin", "a list of 1 entry"),
        ({"paths__log_file": {}}, "/paths/log_file", "an object with 0 keys"),
        ({"metadata": []}, "/metadata", "a list of 0 entries"),
        ({"metadata__review": "perhaps"}, "/metadata/review", '"perhaps"'),
        ({"metadata__tags": {"a": 1}}, "/metadata/tags/a", "1"),
        ({"metadata__timeout_seconds": True}, "/metadata/timeout_seconds", "true"),
    ],
)
def test_a_wrong_type_is_reported_with_what_was_found(changes, pointer, found):
    problem = only(**changes)
    assert (problem.pointer, problem.found) == (pointer, found)
    assert "expected" in problem.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command__exe": ""}, "command.exe is empty"),
        ({"command__exe": "x" * 4097}, "4,097 characters; expected at most 4,096 characters"),
        ({"command__args": ["x"] * 1001}, "1,001 entries; expected at most 1,000 entries"),
        ({"command__args": ["x" * 131_072]}, "131,072 characters"),
        ({"command__args": ["é" * 70_000]}, "140,000 bytes; expected at most 131,071 bytes: use command.stdin"),
        ({"env": {f"A{n}": "" for n in range(201)}}, "201 keys; expected at most 200 keys"),
        ({"env": {"A": "x" * 40_000, "B": "x" * 40_000}}, "80,006 bytes; expected at most 65,536 bytes"),
        ({"metadata__timeout_seconds": 0}, "is 0; expected a number above 0"),
        ({"metadata__timeout_seconds": 10**300}, "a number of at most 31,536,000"),
        ({"metadata__grace_seconds": -1}, "is -1; expected a number of at least 0"),
        ({"metadata__idle_timeout_seconds": -1}, "a number of at least 0"),
        ({"metadata__priority": "soon"}, "expected critical, high, normal or low"),
        ({"metadata__access": "both"}, "expected write or read"),
        ({"metadata__concurrency_limit": 0}, "a number of at least 1"),
        ({"metadata__max_log_bytes": 1e5 + 0.5}, "a whole number"),
        ({"metadata__tags": {"a b": "x"}}, '"a b" is not a tag name'),
        ({"metadata__queue": "a queue"}, "expected a queue name"),
        ({"metadata__files_scope": [""]}, "metadata.files_scope[0] is empty"),
        ({"metadata__success_exit_codes": [256]}, "a number of at most 255"),
    ],
)
def test_an_exceeded_limit_is_reported_with_the_limit(changes, words):
    assert words in only(**changes).message


@pytest.mark.parametrize("value", [0.5, 600, 31_536_000])
def test_any_sensible_number_of_seconds_is_taken(value):
    assert problems(metadata__timeout_seconds=value) == {}


def test_an_idle_watchdog_may_be_switched_off():
    assert problems(metadata__idle_timeout_seconds=0) == {}


def test_keys_of_ones_own_are_kept_in_metadata_without_a_word():
    own = {
        "version": "1.0",
        "author": "kim",
        "ticket": 5,
        "branch": "x",
        "model": "m",
        "issue": [1],
        "note": {"a": None},
    }
    assert warnings(metadata=own) == []


@pytest.mark.parametrize(
    "value",
    [
        "none",
        "retry_same",
        "escalate_to_codex",
        {"rules": []},
        {"escalate_to": ["codex", "claude"]},
        {
            "rules": [
                {
                    "on": ["any"],
                    "times": 2,
                    "backoff": "fibonacci",
                    "base_seconds": 0.5,
                    "cap_seconds": 9,
                    "jitter": 0.5,
                },
                {"exit_codes": [1, -9]},
                {},
            ]
        },
    ],
)
def test_a_retry_policy_is_a_word_or_a_plan(value):
    assert problems(metadata__retry_policy=value) == {}


@pytest.mark.parametrize(
    ("value", "pointer", "words"),
    [
        (5, "", "none, retry_same, escalate_to_<tool>, or an object"),
        ([], "", "none, retry_same, escalate_to_<tool>, or an object"),
        ("thrice", "", 'is "thrice"; expected none, retry_same (two more attempts, then failed) or escalate_to_<tool>'),
        ({}, "", "is empty"),
        ({"rule": []}, "/rule", "did you mean rules?"),
        ({"rules": [{"on": "any"}]}, "/rules/0/on", 'Did you mean ["any"]?'),
        ({"rules": [{"on": ["idle"]}]}, "/rules/0/on/0", "Did you mean stalled?"),
        ({"rules": [{"on": ["ok"]}]}, "/rules/0/on/0", "expected any, no_change"),
        ({"rules": [{"on": []}]}, "/rules/0/on", "is empty"),
        ({"rules": [{"times": -1}]}, "/rules/0/times", "at least 0"),
        ({"rules": [{"backoff": "exp"}]}, "/rules/0/backoff", "Did you mean exponential?"),
        ({"rules": [{"jitter": 2}]}, "/rules/0/jitter", "at most 1"),
        ({"escalate_to": ["Codex"]}, "/escalate_to/0", "Did you mean codex?"),
    ],
)
def test_a_bad_retry_policy_has_one_sentence_about_the_form_that_was_meant(value, pointer, words):
    problem = only(metadata__retry_policy=value)
    assert problem.pointer == f"/metadata/retry_policy{pointer}"
    assert words in problem.message and "not valid under any" not in problem.message


@pytest.mark.parametrize("value", ["", "text", {"secret": "OPENAI_API_KEY"}])
def test_a_variable_is_text_or_a_secret(value):
    assert problems(env={"A": value}) == {}


@pytest.mark.parametrize(
    ("env", "pointer", "words"),
    [
        ({"PORT": 8000}, "/env/PORT", "the same value in double quotes"),
        ({"A": ["x"]}, "/env/A", 'expected text, or {"secret": "NAME"}'),
        ({"A": {"secret": 5}}, "/env/A/secret", "expected text"),
        ({"A": {"secret": "a b"}}, "/env/A/secret", "the name of a secret"),
        ({"A": {"secret": "X", "default": "y"}}, "/env/A/default", 'Unknown key "default" in env.A'),
        ({"MY-VAR": "x"}, "/env/MY-VAR", "Did you mean MY_VAR?"),
        ({"1A": "x"}, "/env/1A", "Did you mean A?"),
        ({"A=B": "x"}, "/env/A=B", "the name of a variable"),
        ("A=B", "/env", "an object"),
    ],
)
def test_a_bad_variable_has_one_clear_sentence(env, pointer, words):
    problem = only(env=env)
    assert problem.pointer == pointer and words in problem.message


@pytest.mark.parametrize(
    "env", [{"K": 8675309}, {"K": ["hush-8675309"]}, {"K": {"secret": "hush 8675309"}}, "K=8675309"]
)
def test_a_value_of_the_environment_is_never_repeated(env):
    assert "8675309" not in str(only(env=env).as_dict())


@pytest.mark.parametrize(
    ("value", "pointer", "words"),
    [
        ("a b", "/0", "Did you mean a-b?"),
        (7, "/0", 'expected a job_id, or {"workstream": "ID"}'),
        ({"workstream": ""}, "/0/workstream", "1 to 120 letters"),
        ({}, "/0/workstream", "is missing"),
    ],
)
def test_a_bad_dependency_has_one_clear_sentence(value, pointer, words):
    problem = only(metadata__depends_on=[value])
    assert problem.pointer == f"/metadata/depends_on{pointer}" and words in problem.message


def test_an_unknown_tool_is_reported_where_the_tools_are_known():
    problem = only(tool="fortran")
    assert problem.pointer == "/tool" and problem.found == '"fortran"'
    assert problem.message.startswith('Unknown tool "fortran" in tool: expected aider, claude, codex')


def test_without_a_list_of_tools_any_name_will_do():
    assert check(job(tool="fortran", metadata__retry_policy="escalate_to_cobol")).ok


def test_a_server_without_tools_says_so():
    assert "no tools are configured" in check(job(), tools=[]).problems[0].message


@pytest.mark.parametrize(
    ("policy", "pointer", "suggestion"),
    [
        ("escalate_to_codx", "", "escalate_to_codex"),
        ({"escalate_to": ["codex", "gemni"]}, "/escalate_to/1", "gemini"),
    ],
)
def test_an_escalation_to_an_unknown_tool_is_reported(policy, pointer, suggestion):
    problem = only(metadata__retry_policy=policy)
    assert problem.pointer == f"/metadata/retry_policy{pointer}"
    assert problem.suggestion == suggestion


def test_several_problems_are_all_reported_at_once():
    found = problems(job_id="a b", tool=None, command__args=[1, "x", 2], metadata__priority="soon", paths__cwd=".")
    assert set(found) == {"/job_id", "/tool", "/command/args/0", "/command/args/2", "/metadata/priority", "/paths/cwd"}


def test_problems_have_lines_and_stand_in_their_order():
    text = REFERENCE.replace('"Fix the bug"', "5").replace("600", "-1").replace('"job_id"', '"jobid"')
    document, _ = parse(text)
    found = check(document, tools=TOOLS, source=text).problems
    lines = [(problem.pointer, problem.line) for problem in found]
    assert lines == [("/job_id", 1), ("/jobid", 2), ("/command/args/1", 8), ("/metadata/timeout_seconds", 20)]


def test_lines_are_right_in_bytes_with_a_byte_order_mark():
    raw = b"\xef\xbb\xbf" + REFERENCE.replace("600", '"x"').encode()
    document, _ = parse(raw)
    assert [problem.line for problem in check(document, source=raw).problems] == [20]


def test_without_the_text_a_problem_has_no_line():
    assert only(tool=5).line is None


def test_a_problem_in_words_begins_with_its_line():
    text = REFERENCE.replace("600", "0")
    (problem,) = check(parse(text)[0], source=text).problems
    assert str(problem) == "line 20: metadata.timeout_seconds is 0; expected a number above 0."


def test_a_report_becomes_plain_values():
    report = check(job(tool=5, metadata={"timeout": 5}))
    values = report.as_dict()
    assert values["ok"] is False
    assert values["problems"][0]["pointer"] == "/tool"
    assert values["warnings"][0]["suggestion"] == "timeout_seconds"


def test_of_very_many_problems_the_first_are_reported_and_the_rest_counted():
    found = check(job(command__args=[1] * 250)).problems
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].message == "And 150 more problems: fix these first."


def test_entries_beyond_the_limit_of_a_list_are_not_examined():
    found = check(job(command__args=[1] * 10_000)).problems
    assert found[-1].message == "And 901 more problems: fix these first."  # 1,000 entries and the length


@pytest.mark.parametrize(
    "changes",
    [
        {"command__args": [1] * 10_000},
        {"command__args": ["x" * 90] * 10_000},
        {"metadata__depends_on": [{"a": 1}] * 10_000},
        {"metadata__own": [[] for _ in range(10_000)]},
        {"metadata": {f"timeout_{n}": n for n in range(50_000)}},
        {"env": {f"A {n}": n for n in range(50_000)}},
        {"metadata__retry_policy": {"rules": [{"on": ["x"] * 50, "exit_codes": ["x"] * 256}] * 50}},
        {"job_id": "x" * 1_000_000},
        {"tool": "a" * 1_000_000},
        {"x" * 1_000_000: 1},
    ],
    ids=lambda changes: next(iter(changes))[:20],
)
def test_a_hostile_document_takes_little_time(changes):
    document = job(**changes)
    began = time.process_time()
    check(document, tools=TOOLS)
    assert time.process_time() - began < 10  # at most a second or two; quadratic work takes minutes


def test_a_very_long_key_is_cut_in_what_is_reported():
    (problem,) = check(job(**{"k" * 500_000: 1})).problems
    assert len(str(problem.as_dict())) < 1_000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1, 2}, "not a JSON value"),
        (("x",), "not a JSON value"),
        (b"x", "not a JSON value"),
        (float("nan"), "not a number that JSON can represent"),
        (1 << 5000, "too large a number"),
        ({5: 1}, "is not text"),
        ("\0", "NUL"),
        ("\udfff", "surrogate"),
    ],
    ids=[str(number) for number in range(8)],  # pytest would try to write the values themselves
)
def test_a_document_of_a_program_may_hold_only_what_json_holds(value, words):
    problem = only(metadata__own=value)
    assert problem.pointer == "/metadata/own" and words in problem.message


def test_a_document_that_holds_itself_is_refused_as_too_deep():
    document = job()
    document["metadata"]["own"] = document
    assert "nested too deeply" in check(document).problems[0].message


def test_a_document_of_a_program_has_the_same_size_limit():
    (problem,) = check(job(command__stdin="x" * 1_048_577)).problems
    assert "larger than 1 MB" in problem.message


def test_a_step_of_an_escalation_may_bring_its_model_arguments_and_environment():
    step = {"tool": "claude", "model": "opus", "args": ["-x"], "env": {"A_KEY": {"secret": "B"}, "C": "d"}}
    assert check(job(metadata__retry_policy={"escalate_to": ["codex", step]}), tools=["aider", "codex", "claude"]).ok


@pytest.mark.parametrize(
    ("step", "pointer"),
    [
        ({"model": "opus"}, "/tool"),
        ({"tool": "claud"}, "/tool"),
        ({"tool": "claude", "modell": "x"}, "/modell"),
        ({"tool": "claude", "env": {"A": "(hidden)"}}, "/env/A"),
        ({"tool": "claude", "args": "-x"}, "/args"),
    ],
)
def test_a_step_of_an_escalation_is_checked_in_place(step, pointer):
    report = check(job(metadata__retry_policy={"escalate_to": ["codex", step]}), tools=["aider", "codex", "claude"])
    assert [problem.pointer for problem in report.problems] == [f"/metadata/retry_policy/escalate_to/1{pointer}"]


def test_the_value_of_a_step_is_not_repeated_in_a_message():
    step = {"tool": "claude", "env": {"A_KEY": 123456789}}
    report = check(job(metadata__retry_policy={"escalate_to": [step]}), tools=["claude", "aider"])
    assert report.problems and "123456789" not in str(report.as_dict())
