import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.source_positions import duplicate_keys, line_numbers

from .documents import patient

TEXT = """
{
  "a": 1,
  "b": {
    "c": [
      10, 20,
      30
    ],
    "with/slash": 1,
    "with~tilde": {"": 2}
  },
  "\\u00e9": "}],{",
  "last": []
}
"""


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("", 2),
        ("/a", 3),
        ("/b", 4),
        ("/b/c", 5),
        ("/b/c/0", 6),
        ("/b/c/1", 6),
        ("/b/c/2", 7),
        ("/b/with~1slash", 9),
        ("/b/with~0tilde", 10),
        ("/b/with~0tilde/", 10),
        ("/é", 12),
        ("/last", 13),
    ],
)
def test_a_pointer_has_the_line_of_its_key_or_entry(pointer, line):
    assert line_numbers(TEXT, [pointer]) == {pointer: line}


@pytest.mark.parametrize(("pointer", "line"), [("/missing", 2), ("/b/missing/deep", 4), ("/b/c/9", 5), ("/a/x", 3)])
def test_what_is_missing_has_the_line_of_what_is_around_it(pointer, line):
    assert line_numbers(TEXT, [pointer]) == {pointer: line}


def test_many_pointers_are_found_in_one_go():
    assert line_numbers(TEXT, ["/last", "/b/c/2", "/a", "/b", "/a"]) == {"/last": 13, "/b/c/2": 7, "/a": 3, "/b": 4}


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"a"', '{"b": {"c": [', '{"a": 1, "b": oh}', "[[[["])
def test_text_that_is_no_json_gives_the_line_where_it_begins(text):
    assert line_numbers(text, ["/b/c/0"])["/b/c/0"] == 1


def test_windows_line_ends_count_once():
    assert line_numbers('{\r\n"a": 1,\r\n"b": 2}', ["/b"]) == {"/b": 3}


def test_numbers_that_python_would_refuse_are_passed_over():
    assert line_numbers('{"a": ' + "9" * 5000 + ', "b": NaN,\n"c": 1}', ["/c"]) == {"/c": 2}


def test_of_a_repeated_key_each_repetition_is_reported():
    text = '{"a": [{"x": 1, "y": 2,\n "x": 3}],\n "b": 1, "a": 2, "a": 3}'
    assert list(duplicate_keys(text)) == [("/a/0/x", 2), ("/a", 3), ("/a", 3)]


_VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=12,
)


@patient
@given(_VALUES)
def test_with_one_value_a_line_every_member_has_a_line_of_its_own(value):
    """Indented JSON puts each member on its own line, in the order in which this walk meets them."""
    text = json.dumps(value, indent=1)
    pointers = [pointer for pointer in _walk(value, "") if pointer]
    lines = line_numbers(text, pointers)
    met = [lines[pointer] for pointer in pointers]
    assert met == sorted(set(met))


def _walk(value, pointer):
    yield pointer
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _walk(member, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
