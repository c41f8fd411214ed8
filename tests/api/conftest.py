from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.api.request_counts import RequestCounts
from jobs.api.throttling import Rate
from jobs.services.accounts import tokens
from tests.factories import make_user


class Api:
    """A caller with a token: `api.get("/jobs")`."""

    def __init__(self, user: User, scopes: list[str]) -> None:
        self.user = user
        self.token, self.secret = tokens.create(user, f"test-{user.pk}-{len(scopes)}", scopes, by="test")
        self.client = Client(headers={"Authorization": f"Bearer {self.secret}"}, raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query_params=query or None)

    def post(self, path: str, data: Any = None, **headers: str) -> Any:
        body = b"" if data is None else data
        return self.client.post(f"/api/v1{path}", body, content_type="application/json", headers=headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/api/v1{path}")


@pytest.fixture(autouse=True)
def fresh_rate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Rate, "counts", RequestCounts(tmp_path / "request_counts"))


@pytest.fixture
def make_api(db: None) -> Callable[..., Api]:
    def make(name: str = "mara", role: str = "submitter", scopes: tuple[str, ...] = ()) -> Api:
        user = User.objects.filter(username=name).first() or make_user(name, role=role)
        return Api(user, list(scopes or ("read", "submit", "review", "operate")))

    return make


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    return make_api()


@pytest.fixture
def operator(make_api: Callable[..., Api]) -> Api:
    return make_api("olga", "operator")
