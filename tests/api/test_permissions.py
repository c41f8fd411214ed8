"""Every operation × every role × own, foreign, hidden, anonymous; from the OpenAPI document: a new one is in."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from engine_site.api import api as engine_api
from jobs.access import OWN_VERBS
from jobs.api.openapi import scope_of
from jobs.models import Job, Project, Workstream
from jobs.roles import ROLES, SCOPES, TOKEN_SCOPES
from jobs.streaming.responses import STREAMS
from tests.api.conftest import Api
from tests.api.matrix import call, committed_document
from tests.factories import make_user

pytestmark = pytest.mark.django_db
OPERATIONS = [
    (operation_id, operation["x-scope"], method.upper(), path)
    for path, methods in committed_document()["paths"].items()
    for method, operation in methods.items()
    for operation_id in [operation["operationId"]]
]
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=[row[0] for row in OPERATIONS])
OWN = {f"jobs_{verb}" for verb in OWN_VERBS} | {"templates_put", "templates_delete"}
# What a token may never do: it takes the person.
PERSONAL = {"tokens_create", "tokens_revoke"}
# What belongs to no project: no repository hides it.
SHARED = ("tools_", "queues_", "workers_", "tokens_", "jobs_check", "events_stream")


def ask(client: Client, operation: tuple[str, str, str, str], found: Any) -> Any:
    body = b"" if found.body is None else json.dumps(found.body)
    return client.generic(found.method, found.path, body, content_type="application/json", **{STREAMS: True})


def test_every_operation_names_a_scope() -> None:
    for operation_id, operation in engine_api.operations().items():
        assert operation_id, operation.path
        assert scope_of(operation) in SCOPES, f"{operation_id} lets in anybody: give it READ, SUBMIT, REVIEW or OPERATE"


@EACH
def test_nobody_comes_in_without_a_token(operation: tuple[str, str, str, str]) -> None:
    found = call(operation[0], operation[2], operation[3], make_user())
    response = ask(Client(raise_request_exception=False), operation, found)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@EACH
@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_a_role_may_do_what_its_scopes_say_to_foreign_things(
    operation: tuple[str, str, str, str], role: str, make_api: Callable[..., Api]
) -> None:
    operation_id, scope, method, path = operation
    found = call(operation_id, method, path, make_user("owner", role="submitter"))
    caller = make_api("caller", "" if role == "nobody" else role)
    response = ask(caller.client, operation, found)
    scopes = ROLES.get(role, ())
    allowed = scope in scopes and operation_id not in PERSONAL
    if operation_id in OWN:
        allowed = "operate" in scopes
    if allowed:
        assert response.status_code in (200, 201, 204) or _not_mine(operation_id, role, response), response.content
    else:
        assert (response.status_code, response.json()["code"]) == (403, "not_allowed"), response.content
    if operation_id == "jobs_bulk" and allowed:
        assert response.json()["done"] == (1 if "operate" in scopes else 0)


def _not_mine(operation_id: str, role: str, response: Any) -> bool:
    return operation_id == "tokens_revoke" and role != "admin" and response.status_code == 404


@EACH
def test_who_may_submit_may_act_on_own_jobs(operation: tuple[str, str, str, str], make_api: Callable[..., Api]) -> None:
    operation_id, scope, method, path = operation
    caller = make_api("caller", "submitter")
    response = ask(caller.client, operation, call(operation_id, method, path, caller.user))
    allowed = scope in ("read", "submit") and operation_id not in PERSONAL
    assert (response.status_code in (200, 201, 204)) == allowed, response.content
    if operation_id == "jobs_bulk":
        assert response.json()["done"] == 1


@EACH
@pytest.mark.parametrize("narrow", TOKEN_SCOPES)
def test_a_token_has_no_scope_but_its_own(
    operation: tuple[str, str, str, str], narrow: str, make_api: Callable[..., Api]
) -> None:
    operation_id, scope, method, path = operation
    caller = make_api("caller", "admin", scopes=(narrow,))
    response = ask(caller.client, operation, call(operation_id, method, path, caller.user))
    assert (response.status_code == 403) == (scope != narrow or operation_id in PERSONAL), response.content


@EACH
def test_a_hidden_project_is_not_there(operation: tuple[str, str, str, str], make_api: Callable[..., Api]) -> None:
    operation_id, _, method, path = operation
    if operation_id.startswith(SHARED):
        pytest.skip("belongs to no project")
    hidden = Project.objects.create(root="/tmp/hidden", name="Hidden")
    hidden.viewers.add(Group.objects.create(name="insiders"))
    caller = make_api("caller", "operator", scopes=TOKEN_SCOPES)
    caller.user.groups.add(Group.objects.get(name="reviewer"))
    owner = make_user("owner")
    found = call(operation_id, method, path, owner, "/tmp/hidden/repo")
    before = list(Job.objects.values_list("status", "version"))
    response = ask(caller.client, operation, found)
    if operation_id.endswith("_list"):
        assert [row for row in response.json()["items"] if row.get("event_type") != "token.created"] == []
    elif operation_id == "jobs_bulk":
        assert response.json()["results"][0]["code"] == "not_found"
    else:
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), response.content
    assert list(Job.objects.values_list("status", "version")) == before
    assert not Workstream.objects.filter(locked=True).exists()


def test_insiders_see_the_project_and_its_submitters_submit(make_api: Callable[..., Api]) -> None:
    viewers, submitters = Group.objects.create(name="viewers-of-x"), Group.objects.create(name="submitters-of-x")
    project = Project.objects.create(root="/tmp/x", name="X")
    project.viewers.add(viewers)
    project.submitters.add(submitters)
    inner = Project.objects.create(root="/tmp/x/open", name="Open below")
    caller = make_api("caller", "submitter")
    document = call("jobs_submit", "POST", "/jobs", caller.user, "/tmp/x").body

    assert caller.post("/jobs", document).status_code == 404
    assert inner.viewers.count() == 0
    assert caller.post("/jobs", {**document, "paths": {"repo_root": "/tmp/x/open"}}).status_code == 201
    caller.user.groups.add(viewers)
    assert caller.post("/jobs", {**document, "job_id": "second"}).status_code == 403
    caller.user.groups.add(submitters)
    assert caller.post("/jobs", {**document, "job_id": "second"}).status_code == 201
    assert len(caller.get("/jobs").json()["items"]) == 2
