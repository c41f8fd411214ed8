"""API tokens: made once, kept as a hash, narrowed to scopes."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError

from jobs import db
from jobs.errors import InvalidDocument, Refused, WrongState
from jobs.models import ApiToken
from jobs.roles import TOKEN_SCOPES
from jobs.services.core import events

MARK = "eng_"
NOTE_USE_S = 60  # last_used_at is written at most once a minute: reading must not write


def create(
    user: User, name: str, scopes: Sequence[str], *, by: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which cannot be had again."""
    unknown = sorted(set(scopes) - set(TOKEN_SCOPES))
    if unknown or not scopes:
        raise InvalidDocument(
            f"Scopes are {', '.join(TOKEN_SCOPES)}; name at least one."
            if not unknown
            else f"Unknown scope {unknown[0]!r}; use {', '.join(TOKEN_SCOPES)}."
        )
    if expires_at is not None and expires_at <= db.now():
        raise InvalidDocument("The token would be expired already; choose a time to come.")
    secret = MARK + secrets.token_urlsafe(32)
    try:
        with db.atomic():
            token = ApiToken.objects.create(
                user=user,
                name=name,
                prefix=secret[:10],
                sha256=digest(secret),
                expires_at=expires_at,
                scopes=[scope for scope in TOKEN_SCOPES if scope in scopes],
            )
            events.record("token.created", by=by, token=token.name, owner=user.get_username(), scopes=token.scopes)
    except IntegrityError:
        raise Refused(f"{user.get_username()} has a token named {name} already; choose another name.") from None
    return token, secret


def revoke(token: ApiToken, *, by: str) -> ApiToken:
    with db.atomic():
        at = db.now()
        if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
            raise WrongState(f"Token {token.name} has been revoked already.", state="revoked")
        events.record("token.revoked", by=by, token=token.name, owner=token.user.get_username())
    token.revoked_at = at
    return token


def find(secret: str) -> ApiToken | None:
    """The usable token that `secret` is, or None."""
    if not secret.startswith(MARK):
        return None
    token = ApiToken.objects.usable().select_related("user").filter(sha256=digest(secret)).first()
    if token is None:
        return None
    if token.last_used_at is None or db.now() - token.last_used_at > timedelta(seconds=NOTE_USE_S):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=db.now())
    return token


def digest(secret: str) -> str:
    # A fast hash is enough: the token has 256 random bits, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
