import json

import pytest
from django.contrib.auth.models import Group

from jobs.models import JobTemplate, Project
from jobs.services.submission import job_templates
from tests.factories import make_document, make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shell_and_tmp_are_allowed(settings):
    settings.ENGINE_ALLOW_SHELL = True
    settings.ENGINE_EXECUTABLES = ["*"]
    settings.ENGINE_ROOTS = ["/tmp"]


@pytest.fixture
def sam(client):
    user = make_user("sam", role="submitter")
    client.force_login(user)
    return user


def make(owner, slug="hello", **fields):
    document = fields.pop("document", make_document(metadata={"title": "Say hello", "priority": "high"}))
    return job_templates.save(
        slug, document, owner=owner, title=fields.pop("title", "Hello"), by=owner.username, **fields
    )


def test_a_job_becomes_a_template_without_its_ids_and_values(client, sam):
    job = make_job(spec=make_document(env={"KEY": "hush hush", "TOKEN": {"secret": "TOKEN"}}), title="Say it")
    assert f"/settings/templates/new?job={job.job_id}" in client.get(f"/jobs/{job.job_id}").content.decode()
    page = client.get(f"/settings/templates/new?job={job.job_id}")
    assert "hush" not in page.content.decode()
    assert "left out" in page.content.decode()
    sent = {"title": "Say it", "slug": "", "shared": "1", "document": page.context["form"]["document"].value()}
    answer = client.post("/settings/templates/new", sent)
    assert (answer.status_code, answer["Location"]) == (303, "/settings/templates")
    row = JobTemplate.objects.get()
    assert (row.slug, row.shared, row.owner) == ("say-it", True, sam)
    assert row.document["env"] == {"TOKEN": {"secret": "TOKEN"}}
    assert "job_id" not in row.document
    assert "run_id" not in row.document
    assert "Say it" in client.get("/settings/templates").content.decode()


def test_the_submit_pages_start_from_a_template(client, sam):
    row = make(sam)
    page = client.get("/jobs/new?template=hello").content.decode()
    assert 'value="Say hello"' in page
    assert "<option selected>high</option>" in page
    assert "From the template" in page
    document = json.loads(client.get("/jobs/new/json?template=hello").context["text"])
    assert document["command"] == row.document["command"]
    assert document["job_id"].startswith("hello-")
    assert client.post("/jobs/new/json", {"doc": json.dumps(document)}).status_code == 303
    assert client.get("/jobs/new?template=none").status_code == 404


def test_what_was_typed_becomes_a_template_if_it_is_sound(client, sam):
    typed = {"tool": "shell", "title": "Typed", "repo_root": "/tmp", "command": '{"exe": "python3", "args": ["-V"]}'}
    page = client.post("/settings/templates/draft", typed)
    assert page.context["form"]["slug"].value() == "typed"
    assert json.loads(page.context["form"]["document"].value())["command"] == {"exe": "python3", "args": ["-V"]}
    wrong = client.post("/settings/templates/draft", {**typed, "command": "no json"})
    assert wrong.status_code == 422
    assert "Invalid JSON" in wrong.content.decode()
    pasted = client.post("/settings/templates/draft", {"doc": json.dumps(make_document())})
    assert json.loads(pasted.context["form"]["document"].value())["tool"] == "shell"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"document": "{"}, "Not a valid job document"),
        ({"document": "[1]"}, "is an object"),
        ({"document": '{"tool": "adier"}'}, "adier"),
        ({"slug": "Not So"}, "small letters"),
        ({"title": " "}, "A title takes"),
        ({"slug": "hello"}, "is a template hello"),
        ({"document": json.dumps(make_document(env={"KEY": "value"}))}, "name a secret for KEY"),
        ({"document": '{"tool": "shell", "paths": [1], "command": []}'}, "paths"),
    ],
)
def test_a_refusal_keeps_what_was_typed(client, sam, change, said):
    make(sam)
    sent = {"title": "Mine", "slug": "mine", "document": json.dumps(make_document()), "description": "kept", **change}
    answer = client.post("/settings/templates/new", sent)
    assert answer.status_code in (409, 422)
    page = answer.content.decode()
    assert said in page
    assert 'value="kept"' in page
    assert JobTemplate.objects.count() == 1


def test_its_owner_changes_and_deletes_it(client, sam):
    make(sam)
    page = client.get("/settings/templates/new?template=hello")
    client.post(
        "/settings/templates/new",
        {"title": "Other", "slug": "hello", "replace": "hello", "document": page.context["form"]["document"].value()},
    )
    assert JobTemplate.objects.get().title == "Other"
    assert client.get("/settings/templates/hello/delete").status_code == 200
    assert client.post("/settings/templates/hello/delete").status_code == 303
    assert not JobTemplate.objects.exists()


def test_others_start_from_shared_ones_and_change_none(client, sam):
    olga = make_user("olga", role="operator")
    make(olga, "shared", shared=True)
    make(olga, "private")
    page = client.get("/settings/templates").content.decode()
    assert "shared" in page
    assert "/settings/templates/shared/delete" not in page
    assert "private" not in page
    assert client.get("/jobs/new?template=private").status_code == 404
    assert client.post("/settings/templates/shared/delete").status_code == 403
    stolen = {"title": "Mine", "slug": "shared", "replace": "shared", "document": json.dumps(make_document())}
    assert client.post("/settings/templates/new", stolen).status_code == 403
    assert JobTemplate.objects.get(slug="shared").title == "Hello"


def test_who_does_not_see_the_repository_sees_no_template_of_it(client, sam):
    make(make_user("olga", role="operator"), shared=True)
    Project.objects.create(root="/tmp", name="Closed").viewers.add(Group.objects.create(name="insiders"))
    assert client.get("/jobs/new?template=hello").status_code == 404
    assert "Hello" not in client.get("/settings/templates").content.decode()
