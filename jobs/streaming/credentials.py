"""Credentials of a watcher, so that their rights can be checked again while they watch."""

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.http import HttpRequest

from jobs.access import Actor
from jobs.models import ApiToken


@dataclass(frozen=True)
class Credential:
    """A token, or the session of a person."""

    token_id: int | None = None
    session_key: str = ""

    def actor(self) -> Actor | None:
        """With the rights of now; None if the token, the session or the user is no longer valid."""
        return self._by_session() if self.token_id is None else _by_token(self.token_id)

    def reader(self) -> Actor | None:
        """The same, if they may read at all."""
        actor = self.actor()
        return actor if actor and actor.may("read") else None

    def _by_session(self) -> Actor | None:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        user = get_user(request)
        return Actor(user) if isinstance(user, User) and user.is_active else None


def _by_token(pk: int) -> Actor | None:
    token = ApiToken.objects.usable().select_related("user").filter(pk=pk).first()
    return Actor(token.user, token) if token else None


def credential_of(request: HttpRequest, actor: Actor) -> Credential:
    return Credential(actor.token.pk) if actor.token else Credential(session_key=request.session.session_key or "")


@dataclass(frozen=True)
class MayReadJob:
    """The permission to watch one job."""

    credential: Credential
    job_pk: int

    def holds(self) -> bool:
        actor = self.credential.reader()
        return actor is not None and actor.jobs().filter(pk=self.job_pk).exists()
