"""A stream ends within seconds when the right to watch does: token, user, session, membership, job."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import AsyncClient, Client
from django.utils import timezone

from jobs.models import ApiToken, Project, StepAttempt
from jobs.services.core import events
from jobs.services.reading import streams
from jobs.states import AttemptStatus, JobStatus
from tests.api.conftest import Api
from tests.factories import make_attempt, make_job, make_user
from tests.streams import append

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream_thread")]

LOG, EVENTS, PAGE = "/api/v1/jobs/{}/log/stream", "/api/v1/events/stream?after=0", "/-/stream/jobs/{}/log"


@pytest.fixture
def attempt(data_dir: Any) -> StepAttempt:
    attempt = make_attempt(make_job(JobStatus.RUNNING, repo_key="/repos/a"), AttemptStatus.RUNNING)
    append(attempt, b"hello\n")
    events.record("job.hello", job=attempt.job)
    return attempt


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RIGHTS_S", 0.1)


def watch_until_ended(
    attempt: StepAttempt, address: str, sign_in: Callable[[AsyncClient], Awaitable[None]], then: Callable[[], object]
) -> bytes:
    """What came until the stream ended; `then` takes the right away once something has come."""

    async def watch() -> bytes:
        client = AsyncClient()
        await sign_in(client)
        response = await client.get(address.format(attempt.job.job_id))
        assert response.status_code == 200, response.content
        received = b""
        async for piece in response.streaming_content:
            if b"hello" in piece and b"hello" not in received:
                await sync_to_async(then)()
            received += piece
        return received

    async def bounded() -> bytes:
        async with asyncio.timeout(20):
            return await watch()

    return async_to_sync(bounded)()


def with_token(api: Api) -> Callable[[AsyncClient], Awaitable[None]]:
    async def sign_in(client: AsyncClient) -> None:
        client.defaults["AUTHORIZATION"] = f"Bearer {api.secret}"

    return sign_in


def with_session(user: User) -> Callable[[AsyncClient], Awaitable[None]]:
    async def sign_in(client: AsyncClient) -> None:
        await client.aforce_login(user)

    return sign_in


def revoke() -> None:
    ApiToken.objects.update(revoked_at=timezone.now())


def expire() -> None:
    ApiToken.objects.update(expires_at=timezone.now())


def deactivate() -> None:
    User.objects.update(is_active=False)


def leave_the_role() -> None:
    User.objects.get(username="mara").groups.clear()


def close_the_project() -> None:
    Project.objects.create(root="/repos/a", name="A").viewers.add(Group.objects.create(name="others"))


def sign_out() -> None:
    Session.objects.all().delete()


def change_the_password() -> None:
    user = User.objects.get(username="mara")
    user.set_password("another one")
    user.save()


@pytest.mark.parametrize("address", [LOG, EVENTS])
@pytest.mark.parametrize("then", [revoke, expire, deactivate, leave_the_role])
def test_a_tokens_stream_ends_with_its_right(
    attempt: StepAttempt, make_api: Callable[..., Api], address: str, then: Callable[[], object]
) -> None:
    assert b"hello" in watch_until_ended(attempt, address, with_token(make_api()), then)


def test_a_log_stream_ends_when_the_job_is_no_longer_the_watchers_to_see(
    attempt: StepAttempt, make_api: Callable[..., Api]
) -> None:
    assert b"hello" in watch_until_ended(attempt, LOG, with_token(make_api()), close_the_project)


@pytest.mark.parametrize("address", [LOG, PAGE])
@pytest.mark.parametrize("then", [sign_out, deactivate, leave_the_role, close_the_project, change_the_password])
def test_a_persons_stream_ends_with_their_right(attempt: StepAttempt, address: str, then: Callable[[], object]) -> None:
    user = make_user(role="submitter")
    assert b"hello" in watch_until_ended(attempt, address, with_session(user), then)


def test_events_of_a_project_are_no_longer_sent_to_who_has_left_it(
    attempt: StepAttempt, make_api: Callable[..., Api]
) -> None:
    api, seen = make_api(), []

    def leave() -> None:
        close_the_project()
        events.record("job.secret", job=attempt.job)
        seen.append(1)

    def both() -> None:
        leave()
        revoke()

    assert b"job.secret" not in watch_until_ended(attempt, EVENTS, with_token(api), both)
    assert seen


@pytest.mark.parametrize(("address", "status"), [(LOG, 501), (EVENTS, 501), (PAGE, 404)])
def test_a_server_that_cannot_hold_a_stream_says_so(attempt: StepAttempt, address: str, status: int) -> None:
    client = Client()
    client.force_login(make_user(role="submitter"))
    assert client.get(address.format(attempt.job.job_id)).status_code == status
