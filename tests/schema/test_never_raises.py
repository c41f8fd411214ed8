"""Whatever arrives, parse and check answer: with a document, or with problems that every reader can take."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schema import Problem, check, load_schema, parse

from .documents import REFERENCE, TOOLS, job, patient

_SCHEMA = load_schema()
_WORDS = st.sampled_from(
    [
        *_SCHEMA["properties"],
        *_SCHEMA["properties"]["metadata"]["properties"],
        "exe",
        "args",
        "stdin",
        "secret",
        "rules",
    ]
)
_KEYS = _WORDS | st.text(max_size=8)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | _WORDS
_JSON = st.recursive(
    _LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(_KEYS, below, max_size=5), max_leaves=20
)
_OBJECTS = st.recursive(
    st.binary() | st.complex_numbers() | st.none(),
    lambda below: st.dictionaries(st.integers() | st.binary() | st.text(), below) | st.tuples(below),
)
_SURROGATES = st.text(st.characters(), max_size=6)


def answer(raw: str | bytes) -> None:
    document, problems = parse(raw)
    assert problems or json.loads(raw if isinstance(raw, str) else raw.decode("utf-8-sig")) == document
    fit_to_show(problems)
    checked(document, raw)


def checked(document: Any, raw: str | bytes | None = None) -> None:
    report = check(document, tools=TOOLS, source=raw)
    fit_to_show([*report.problems, *report.warnings])


def fit_to_show(problems: list[Problem]) -> None:
    for problem in problems:
        assert problem.message.endswith((".", "?"))
        for text in (problem.message, problem.found, problem.allowed, problem.suggestion):
            assert text.isprintable()
        assert "\0" not in problem.pointer
        assert len(json.dumps(problem.as_dict(), ensure_ascii=False).encode()) < 5_000


@patient
@given(st.binary(max_size=200))
def test_any_bytes(raw):
    answer(raw)


@patient
@given(st.text(max_size=200))
def test_any_text(raw):
    answer(raw)


@patient
@given(st.text(alphabet="{}[]\",:\\u0\n'#/ aeNI19.-", max_size=60))
def test_text_that_is_almost_json(raw):
    answer(raw)


@patient
@given(_JSON)
def test_any_json_document(value):
    answer(json.dumps(value))


@patient
@given(_JSON)
def test_any_value_of_a_program(value):
    checked(value)


@patient
@given(_KEYS, _JSON)
def test_any_value_under_any_key_of_a_good_job(key, value):
    checked(job() | {key: value})
    checked(job(metadata=job()["metadata"] | {key: value}))


@patient
@given(_SURROGATES, _SURROGATES)
def test_any_characters_in_keys_and_text(key, value):
    checked(job() | {key: value, "env": {key: value}, "metadata": {key: {value: key}}})


@patient
@given(st.integers(0, len(REFERENCE)), st.integers(0, 20), st.text(max_size=5))
def test_the_reference_with_any_cut_and_any_insertion(at, length, inserted):
    answer(REFERENCE[:at] + inserted + REFERENCE[at + length :])


@patient
@given(_OBJECTS)
def test_things_that_no_json_text_can_hold(value):
    checked(value)
    checked(job() | {"metadata": {"own": value}})
