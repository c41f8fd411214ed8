"""Who calls: a bearer token, or a session with its CSRF token. An operation names the scope that it takes."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from ninja.errors import AuthenticationError, HttpError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from jobs import audit
from jobs.access import Actor, actor_of
from jobs.api.errors import refused, unauthenticated
from jobs.api.request import api_request
from jobs.errors import NotAllowed
from jobs.roles import Scope


class Token(HttpBearer):
    """A token that was made in the settings: `Authorization: Bearer eng_…`."""

    openapi_description = "An API token with the scopes that the operation takes."

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Any:
        if request.headers.get(self.header) is None:
            return None
        actor = super().__call__(request)
        if actor is None:
            raise AuthenticationError  # a bad token is never taken for the session beside it
        return actor

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        actor = Actor.by_token(token)
        if actor is None or actor.token is None:
            return None
        request.user = actor.user
        audit.set_via(f"token {actor.token.prefix}")
        actor.require(self.scope)
        return actor


class Session(APIKeyCookie):
    """The session of the web pages; a change takes the CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "The session of the web pages. Changes take the header X-CSRFToken."

    def __init__(self, scope: Scope) -> None:
        super().__init__(csrf=True)
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Any:
        if not isinstance(request.user, User) or not request.user.is_active:
            return None
        if check_csrf(request):
            raise HttpError(403, "The CSRF token is missing or wrong.")
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        actor = actor_of(request)
        actor.require(self.scope)
        return actor


def authentications(scope: Scope) -> list[Any]:
    return [Token(scope), Session(scope)]


READ, SUBMIT, REVIEW, OPERATE = (
    authentications("read"),
    authentications("submit"),
    authentications("review"),
    authentications("operate"),
)


def actor(request: HttpRequest) -> Actor:
    return api_request(request).auth


def readers_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For views beside the operations, such as the document itself."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if not any(authenticate(request) for authenticate in READ):
                return unauthenticated(request, AuthenticationError())
        except AuthenticationError as error:
            return unauthenticated(request, error)
        except NotAllowed as refusal:
            return refused(request, refusal)
        return view(request, *args, **kwargs)

    return guarded
