import pytest
from django.db import OperationalError
from django.test import Client

from jobs.services.operations import controls
from jobs.services.submission import submit
from tests.api.conftest import Api
from tests.api.matrix import committed_document
from tests.api.operations_table import PAGE, table
from tests.factories import make_document, make_job, make_user

pytestmark = pytest.mark.django_db


def test_the_committed_openapi_document_is_the_one_that_is_served(api: Api) -> None:
    served = api.get("/openapi.json").json()
    assert served == committed_document(), "run: make schema"


def test_every_operation_is_described_in_full() -> None:
    for path, methods in committed_document()["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["description"], path
            assert "." not in operation["summary"]
            assert {"401", "403", "422", "429", "500"} <= set(operation["responses"]), path
            assert method != "get" or "304" in operation["responses"]
            if "{" in path:
                assert "404" in operation["responses"] or path.startswith("/api/v1/queues"), path


def test_unknown_addresses_and_methods_are_problems_too(api: Api) -> None:
    missing, method = api.get("/nonesuch"), api.delete("/jobs")
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")
    assert (method.status_code, method.json()["code"], sorted(method["Allow"].split(", "))) == (
        405,
        "wrong_method",
        ["GET", "POST"],
    )


def test_an_answer_names_its_request(api: Api) -> None:
    assert len(api.get("/jobs")["X-Request-ID"]) == 16
    given = api.client.get("/api/v1/jobs/none", headers={"X-Request-ID": "trace-12345"})
    assert given["X-Request-ID"] == given.json()["request_id"] == "trace-12345"
    forged = api.client.get("/api/v1/jobs", headers={"X-Request-ID": "a b<script>"})
    assert forged["X-Request-ID"] != "a b<script>"


def test_a_defect_is_a_500_with_an_id_and_nothing_else(api: Api, monkeypatch, caplog) -> None:
    def break_(*_: object, **__: object) -> None:
        raise RuntimeError("the inside of the engine")

    monkeypatch.setattr(controls, "pause_queue", break_)
    operator = Api(make_user("olga", role="operator"), ["operate"])
    response = operator.post("/queues/default/pause")
    assert (response.status_code, response.json()["code"]) == (500, "defect")
    assert "inside" not in response.content.decode()
    assert response.json()["request_id"] in caplog.text


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/a%00b",
        "/jobs/..%2f..%2fetc%2fpasswd",
        "/jobs?q=%00",
        "/jobs?limit=0",
        "/jobs?limit=x",
        "/jobs?since=yesterday",
        "/jobs?cursor=x",
        "/events/0",
        "/events/99999999999999999999999",
        "/jobs/x?wait=-1",
        "/errors/UPPER",
    ],
)
def test_senseless_parameters_are_refused(api: Api, path: str) -> None:
    assert api.client.get(f"/api/v1{path}").status_code in (404, 422)


@pytest.mark.parametrize("body", [b"{", b"[1,2]", b'"text"', b"\xff", b'{"verdict": "perhaps"}', b"null", b"[" * 5000])
def test_senseless_bodies_of_verbs_are_refused(operator: Api, body: bytes) -> None:
    job = make_job("review")
    assert operator.post(f"/jobs/{job.job_id}/escalate", body).status_code in (400, 422)


def test_the_docs_page_needs_a_login_and_nothing_from_outside(client: Client) -> None:
    assert client.get("/api/docs").status_code == 302
    client.force_login(make_user(role="viewer"))
    page = client.get("/api/docs")
    html = page.content.decode()
    assert page.status_code == 200
    assert "http://" not in html
    assert "https://" not in html
    assert "'unsafe-inline'" not in page["Content-Security-Policy"]
    assert "<style" not in html
    assert client.get("/api/v1/openapi.json").json()["openapi"] == "3.1.0"
    assert Client().get("/api/v1/openapi.json").status_code == 401


def test_the_table_of_operations_is_up_to_date() -> None:
    assert PAGE.read_text() == table(committed_document()), "run: python -m tests.api.operations_table"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("database or disk is full", 507),
        ("could not extend file: No space left on device", 507),
        ("no such table", 500),
    ],
)
def test_a_full_disk_is_told_apart_from_a_defect(api: Api, monkeypatch, words: str, status: int) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError(words)

    monkeypatch.setattr(submit, "submit_all", full)
    answer = api.post("/jobs", make_document())
    assert answer.status_code == status
    assert (answer.json()["code"] == "disk_full") is (status == 507)
