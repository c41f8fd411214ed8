from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import schema
from adapters.verdict import Reason
from schema import check, example_texts, examples, limits, load_schema, parse

from .documents import REFERENCE, TOOLS

SCHEMA = load_schema()


def test_the_reference_document_is_valid_as_it_stands():
    document, problems = parse(REFERENCE)
    assert not problems
    report = check(document, tools=TOOLS, source=REFERENCE)
    assert report.ok and not report.warnings


def test_the_aider_example_is_the_reference_document():
    assert example_texts()["aider"].strip() == REFERENCE.strip()


def test_there_is_one_example_for_each_tool():
    assert sorted(examples()) == list(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_an_example_is_valid_and_without_a_warning(tool: str):
    text = example_texts()[tool]
    document, problems = parse(text)
    assert not problems and document["tool"] == tool
    report = check(document, tools=TOOLS, source=text)
    assert not report.problems and not report.warnings


def test_examples_have_job_ids_of_their_own():
    assert len({document["job_id"] for document in examples().values()}) == len(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_plain_validator_takes_the_examples_too(tool: str):
    Draft202012Validator(SCHEMA).validate(examples()[tool])


def test_the_schema_is_a_valid_draft_2020_12_schema():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:engine:job:1"


def test_a_loaded_schema_and_an_example_belong_to_the_caller():
    load_schema().clear()
    examples()["aider"].clear()
    assert load_schema() == SCHEMA
    assert examples()["aider"]


def test_every_field_is_described():
    silent = [path for path, rule in _rules(SCHEMA) if not rule.get("description")]
    assert not silent


def test_every_default_and_every_example_in_the_schema_is_valid():
    for path, rule in _rules(SCHEMA):
        alone = {"$defs": SCHEMA["$defs"], **rule}
        for value in [rule[key] for key in ("default",) if key in rule] + rule.get("examples", []):
            assert Draft202012Validator(alone).is_valid(value), (path, value)


def test_every_list_and_every_open_map_is_bounded():
    """The checker looks no further than these bounds, which is what keeps a hostile document cheap."""
    for path, rule in _rules(SCHEMA):
        if "items" in rule:
            assert rule.get("maxItems"), path
        if isinstance(rule.get("additionalProperties"), dict):
            assert rule.get("maxProperties"), path


def test_every_pattern_has_words_for_people():
    assert all(path.startswith("/$defs/") for path, rule in _rules(SCHEMA) if "pattern" in rule)


def test_the_bounds_in_code_are_those_of_the_schema():
    args, env = SCHEMA["properties"]["command"]["properties"]["args"], SCHEMA["properties"]["env"]
    assert args["maxItems"] == limits.ARGS
    assert args["items"]["maxLength"] == limits.ARG_BYTES
    assert env["maxProperties"] == limits.ENV_NAMES
    assert SCHEMA["$defs"]["env_value"]["anyOf"][0]["maxLength"] == limits.ENV_BYTES


def test_the_reasons_of_a_retry_rule_are_those_of_a_verdict():
    """But for the two after which nothing follows by itself, and with the word for all of them."""
    reasons = {reason.value for reason in Reason} - {"ok", "cancelled"}
    assert set(SCHEMA["$defs"]["retry_reason"]["enum"]) == reasons | {"any"}


def test_no_file_has_a_key_twice():
    folder = Path(schema.__file__).parent / "jobs"
    for file in folder.glob("*.json"):
        assert parse(file.read_bytes())[1] == [], file.name


def _rules(rule: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each subschema of properties, items, branches and definitions, with its place."""
    for key in ("properties", "$defs"):
        for name, below in rule.get(key, {}).items():
            yield f"{path}/{key}/{name}", below
            yield from _rules(below, f"{path}/{key}/{name}")
    for index, branch in enumerate(rule.get("anyOf", [])):
        if "$ref" not in branch:
            yield f"{path}/anyOf/{index}", branch
            yield from _rules(branch, f"{path}/anyOf/{index}")
    for key in ("items", "additionalProperties"):
        below = rule.get(key)
        if isinstance(below, dict) and "$ref" not in below:
            yield f"{path}/{key}", below
            yield from _rules(below, f"{path}/{key}")
