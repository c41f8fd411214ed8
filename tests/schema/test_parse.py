import json

import pytest

from schema import Problem, parse
from schema.limits import DOCUMENT_BYTES, NESTING


def refused(raw: str | bytes) -> Problem:
    document, problems = parse(raw)
    assert document is None
    (problem,) = problems
    return problem


@pytest.mark.parametrize("raw", ['{"a": [1, 2.5, "x", true, null]}', b'{"a": [1, 2.5, "x", true, null]}'])
def test_text_and_bytes_become_the_same_document(raw):
    assert parse(raw) == ({"a": [1, 2.5, "x", True, None]}, [])


@pytest.mark.parametrize("raw", ["\ufeff{}", b"\xef\xbb\xbf{}"])
def test_a_byte_order_mark_of_utf_8_does_no_harm(raw):
    assert parse(raw) == ({}, [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_or_refused(encoding):
    document, problems = parse('{"a": 1}'.encode(encoding))
    assert document is None and "UTF-8" in problems[0].message


def test_utf_16_with_its_mark_is_called_by_name():
    assert refused('{"a": 1}'.encode("utf-16")).message == "The document is UTF-16: save it as UTF-8."


def test_invalid_utf_8_is_refused_with_the_byte_and_its_line():
    problem = refused(b'{"a":\n "caf\xe9"}')
    assert problem.message == "Byte 12 is not valid UTF-8: save the document as UTF-8."
    assert (problem.found, problem.line) == ("byte 0xe9", 2)


@pytest.mark.parametrize("raw", ['{"a":\n "x\0"}', b'{"a":\n "x\0"}'])
def test_a_nul_byte_is_refused(raw):
    problem = refused(raw)
    assert "NUL" in problem.message and problem.line == 2


def test_an_escaped_nul_is_refused_at_its_place():
    problem = refused('{"a": 1,\n "b": ["x", "\\u0000"]}')
    assert (problem.pointer, problem.line) == ("/b/1", 2)
    assert "NUL" in problem.message


def test_a_nul_in_a_key_is_refused_and_not_repeated():
    problem = refused('{"a": {"\\u0000": 1}}')
    assert problem.pointer == "/a"
    assert "\0" not in str(problem.as_dict())


def test_half_a_character_is_refused():
    problem = refused('{"a": "\\ud800"}')
    assert problem.pointer == "/a" and "surrogate" in problem.message
    json.dumps(problem.as_dict(), ensure_ascii=False).encode()


def test_a_document_of_exactly_the_limit_is_read():
    text = '"' + "x" * (DOCUMENT_BYTES - 2) + '"'
    assert parse(text)[1] == []
    assert "larger than 1 MB" in refused(text + " ").message


def test_size_counts_bytes_and_not_characters():
    assert "larger than 1 MB" in refused('"' + "é" * (DOCUMENT_BYTES // 2) + '"').message


def test_fifty_megabytes_are_refused_by_their_size_alone():
    assert "larger than 1 MB" in refused(b" " * 50_000_000).message


def test_nesting_up_to_the_limit_is_read():
    assert parse("[" * NESTING + "]" * NESTING)[1] == []


def test_one_level_more_is_refused_before_anything_is_read():
    problem = refused("[" * (NESTING + 1) + "\nthis is not JSON")
    assert "nested too deeply" in problem.message


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deeper_nesting_is_refused_without_recursion(opening):
    problem = refused("\n".join(opening * 50_000))
    assert problem.message == "Lists and objects are nested too deeply: at most 32 levels."
    assert problem.line is not None and problem.line > 1


def test_brackets_inside_text_are_no_nesting():
    text = json.dumps(["[" * 100, '"' + "{" * 100, "\\"])
    assert parse(text)[1] == []


def test_each_key_that_occurs_twice_is_reported_with_its_line():
    document, problems = parse('{"a": 1,\n "b": {"c/d": 1,\n "c/d": 2},\n "a": {"a": 3}}')
    assert document is None
    assert [(each.pointer, each.line) for each in problems] == [("/b/c~1d", 3), ("/a", 4)]
    assert problems[0].message == 'Duplicate key "c/d": keep one of the two.'


def test_a_key_may_stand_in_two_objects():
    assert parse('[{"a": 1}, {"a": 1}, {"b": {"a": 1}}]')[1] == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-" + "9" * 5000])
def test_a_number_that_json_cannot_hold_is_refused(number):
    problem = refused(f'{{"a":\n [{number}]}}')
    assert (problem.pointer, problem.line) == ("/a/0", 2)
    assert "number" in problem.message


def test_all_impossible_values_are_reported_at_once_and_in_order():
    document, problems = parse('{"a": NaN,\n"b": "\\u0000",\n"c": 1e999,\n"a": 1}')
    assert document is None
    assert [each.line for each in problems] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("  \n ", 1, "empty"),
        ('{\n"a": 1', 2, "Unexpected end"),
        ("{'a': 1}", 1, "double quotes"),
        ("{“a”: 1}", 1, "straight double quotes"),
        ('{"a": 1,\n}', 1, "Delete the comma before }"),
        ("[1,\n2,\n]", 2, "Delete the comma before ]"),
        ('{"a": True}', 1, "Write true instead of True"),
        ('{"a": None}', 1, "Write null instead of None"),
        ('{"a": word}', 1, "double quotes"),
        ("{a: 1}", 1, "double quotes"),
        ('{"a" 1}', 1, "colon is missing"),
        ('{"a": 1\n"b": 2}', 2, "comma is missing"),
        ('{"a": "say "hello""}', 1, "double quote inside a string"),
        ('{"a": "C:\\Users"}', 1, "Backslashes in a string must be doubled"),
        ('{"a": "\\u00zz"}', 1, "four hexadecimal digits"),
        ('{"a": "x\n"}', 1, "no closing double quote"),
        ('{"a": "x\t"}', 1, "Control characters"),
        ('{"a": "x', 1, "no closing double quote"),
        ("{}\n{}", 2, "after the end of the document"),
        ("// note\n{}", 1, "does not allow comments"),
        ('{"a": 1, # note\n"b": 2}', 1, "does not allow comments"),
        ('{"a": }', 1, "Expected a value"),
        ('{"a": 1, 2}', 1, "key in double quotes"),
    ],
)
def test_a_common_syntax_error_has_its_own_sentence(text, line, words):
    problem = refused(text)
    assert problem.pointer == "" and problem.line == line
    assert problem.message.startswith("Invalid JSON at column ") and words in problem.message


def test_a_syntax_problem_quotes_one_character_and_no_secret():
    problem = refused('{"env": {"KEY": sk-very-secret}}')
    assert "very" not in str(problem.as_dict())


def test_text_with_surrogates_outside_strings_is_reported_in_clean_text():
    json.dumps(refused("{\ud800}").as_dict(), ensure_ascii=False).encode()
