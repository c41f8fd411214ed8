"""The options of a job, compared with what the JSON schema tells users."""

import re
from pathlib import Path
from typing import Any

import pytest

from schema import JobOptions, load_schema
from schema.options import DEFAULTS, NAMES

ROOT = Path(__file__).parents[2]
# A key of a document's metadata, read in place.
READ = re.compile(r"""metadata["']?\)?(?: or \{\}\))?\.get\(["']|\.metadata\[""")
OTHERS = ("result.metadata", "self.metadata")  # of a result, or of package data


def properties() -> dict[str, Any]:
    found: dict[str, Any] = load_schema()["properties"]["metadata"]["properties"]
    return found


def test_the_options_have_the_names_of_the_schema() -> None:
    assert set(NAMES) == set(properties())


@pytest.mark.parametrize("name", NAMES)
def test_an_option_has_the_default_of_the_schema(name: str) -> None:
    declared, default = properties()[name], getattr(DEFAULTS, name)
    told = declared.get("default")
    assert default == (tuple(told) if isinstance(told, list) else told or None if told == {} else told)


def test_what_a_document_says_stands_and_the_rest_is_the_servers_default() -> None:
    server = JobOptions(timeout_seconds=30, grace_seconds=2)
    options = JobOptions.from_document({"metadata": {"timeout_seconds": 5, "depends_on": ["job-1"], "mine": 1}}, server)
    assert (options.timeout_seconds, options.grace_seconds, options.depends_on) == (5, 2, ("job-1",))


@pytest.mark.parametrize(
    "document", [{}, {"metadata": None}, {"metadata": []}, {"metadata": {"queue": None, "tags": None}}]
)
def test_a_document_without_options_has_the_defaults(document: dict[str, Any]) -> None:
    assert JobOptions.from_document(document) == DEFAULTS


def test_a_list_that_is_none_in_an_unchecked_document_is_empty() -> None:
    assert JobOptions.from_document({"metadata": {"public_env": "TOKEN"}}).public_env == ()


def test_no_other_module_reads_a_key_of_metadata() -> None:
    places = [
        f"{path.relative_to(ROOT)}:{number}"
        for package in ("adapters", "jobs", "engine_site")
        for path in (ROOT / package).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if READ.search(line) and not any(other in line for other in OTHERS)
    ]
    assert places == []
