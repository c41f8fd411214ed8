"""What a reader or a generator of clients finds in the OpenAPI document."""

import json
import re
from typing import Any

import jsonschema
import pytest

import schema
from jobs import errors
from jobs.api.problem_codes import CODES, meanings
from tests.api.conftest import Api
from tests.api.matrix import committed_document
from tests.factories import make_document

HEADER_NAMES = {"Idempotency-Key", "Last-Event-ID", "Range"}
pytestmark = pytest.mark.django_db


def operations() -> list[tuple[str, dict[str, Any]]]:
    paths = committed_document()["paths"]
    return [(path, operation) for path, methods in paths.items() for operation in methods.values()]


def test_every_header_parameter_has_the_name_that_goes_over_the_wire() -> None:
    headers = [
        parameter["name"]
        for _, operation in operations()
        for parameter in operation["parameters"]
        if parameter["in"] == "header"
    ]
    assert len(headers) >= 4
    assert set(headers) == HEADER_NAMES


def test_a_client_that_sends_the_documented_key_repeats_without_harm(api: Api) -> None:
    submit = committed_document()["paths"]["/api/v1/jobs"]["post"]
    name = next(parameter["name"] for parameter in submit["parameters"] if parameter["in"] == "header")
    document = make_document()
    assert [api.post("/jobs", document, **{name: "k"}).status_code for _ in range(2)] == [201, 201]


def test_a_newcomer_reads_first_how_to_submit() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert names[:4] == ["jobs_submit", "jobs_list", "jobs_check", "jobs_get"]
    assert len(names) == len(set(names))


def test_the_body_of_a_submit_is_the_job_schema() -> None:
    document = committed_document()
    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    whole = document["components"]["schemas"]["JobDocument"]
    assert set(whole["properties"]) == set(schema.load_schema()["properties"])
    checker = jsonschema.Draft202012Validator({**body["schema"], "components": document["components"]})
    assert set(body["examples"]) == set(schema.examples())
    for example in body["examples"].values():
        checker.validate(example["value"])
        checker.validate([example["value"]])
        assert not checker.is_valid({**example["value"], "priority": "high"})


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(committed_document())
    names = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text))
    assert names <= set(committed_document()["components"]["schemas"])
    assert "#/$defs" not in text


def test_every_code_of_a_refusal_is_explained() -> None:
    refusals = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert refusals - {"refused"} <= set(meanings())
    assert set(CODES.values()) <= set(meanings())
    said = committed_document()["info"]["description"]
    assert all(f"`{code}`" in said for code in meanings())
