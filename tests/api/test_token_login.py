"""A token's login: one statement, the rights that Django would find, and no write that anybody waits for."""

import threading

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from jobs.access import Actor
from jobs.models import ApiToken, Project
from jobs.roles import PERMISSIONS, ROLES
from jobs.services.accounts import last_use, tokens
from tests.api.conftest import Api
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db
ALL = list(tokens.TOKEN_SCOPES)


@pytest.fixture(autouse=True)
def nothing_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use.of_process(), "_tried", {})
    monkeypatch.setattr(last_use.of_process(), "due", {})


def by_token(user: User) -> Actor:
    actor = Actor.by_token(tokens.create(user, f"of-{user.pk}", ALL, by="test")[1])
    assert actor is not None
    return actor


def people() -> list[User]:
    found = [make_user(role, role=role) for role in ROLES]
    found += [make_user("nobody"), make_user("root", admin=True), make_user("own"), make_user("two", role="viewer")]
    found[-2].user_permissions.add(Permission.objects.get(codename="operate_job"))
    found[-1].groups.add(Group.objects.get(name="reviewer"))
    return found


def test_a_token_gives_the_rights_that_django_finds_for_its_owner() -> None:
    for user in people():
        actor = by_token(user)
        fresh = User.objects.get(pk=user.pk)
        mine = {scope for scope in ALL if fresh.has_perm(PERMISSIONS[scope])}
        assert (actor.user, actor.name, actor.scopes) == (user, user.username, mine)
        assert actor.sees_all == Actor(fresh).sees_all


def test_projects_hold_for_tokens(data_dir) -> None:
    project = Project.objects.create(root="/srv/secret", name="secret")
    project.viewers.add(Group.objects.create(name="insiders"))
    inner = Project.objects.create(root="/srv/secret/open", name="open")
    inner.viewers.add(Group.objects.get(name="viewer"))
    jobs = [make_job(repo_key=root) for root in ("/srv/secret", "/srv/secret/open/a", "/srv/secrets", "")]
    for user in people():
        actor = by_token(user)
        for job in jobs:
            seen = actor.jobs().filter(pk=job.pk).exists()
            assert actor._rights_in(job.repo_key)[0] == seen, (user, job.repo_key)


def test_a_login_is_one_statement_and_the_use_is_written_once_a_minute(api: Api) -> None:
    def writes() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get("/tokens/me").json()["username"] == "mara"
        selects = [query for query in captured if "api_tokens" in query["sql"] and "UPDATE" not in query["sql"]]
        assert len(selects) == 1
        return len(captured) - 1

    assert [writes(), writes()] == [1, 0]
    used = ApiToken.objects.get().last_used_at
    assert used is not None


def test_a_read_is_answered_when_the_use_cannot_be_written(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def full(*args: object, **fields: object) -> None:
        asked.append(fields)
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("django.db.models.query.QuerySet.update", full)
    assert [api.get("/jobs").status_code for _ in range(3)] == [200] * 3
    assert len(asked) == 1


def test_one_thread_writes_while_the_others_go_on(api: Api) -> None:
    last_use.of_process().note(api.token.pk, api.token.created_at)
    with last_use.of_process().writing:
        thread = threading.Thread(target=last_use.of_process().write)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    assert last_use.of_process().due
